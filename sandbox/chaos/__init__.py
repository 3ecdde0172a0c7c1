"""The bot as a process, under every fault and `kill -9`."""
