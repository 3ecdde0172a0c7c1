from sandbox.telegram.http import main

main()
