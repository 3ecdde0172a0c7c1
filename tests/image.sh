# The Dockerfile's steps on this machine: its requirements in a venv of their own, its COPY lines
# into an empty folder, and the command that comes out of them.
set -eu
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
"${PYTHON:-python3}" -m venv "$home/venv"
"$home/venv/bin/python" -m pip install --quiet --require-hashes -r requirements.txt
mkdir "$home/app"
sed -n 's/^COPY \([a-z.]*\)\/* [a-z.\/]*$/\1/p' Dockerfile | grep -v requirements.txt |
    while read -r part; do cp -R "$part" "$home/app/"; done
cd "$home/app"
"$home/venv/bin/python" -m bot --help >/dev/null
if BOT_TOKEN=1:x "$home/venv/bin/python" -m bot run 2>"$home/said"; then
    echo "the bot started without settings" >&2
    exit 1
fi
grep -q '^ATMOS_STORE_ID: write' "$home/said"
"$home/venv/bin/python" -W error -c 'import bot.app, bot.check; print("image: installs and starts")'
