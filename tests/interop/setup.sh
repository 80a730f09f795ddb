#!/bin/sh
# What the checks against other tools need beside Python packages: a browser and a Korean font.
# Installs them from Debian's archive where that is possible, and says so where it is not; never fails.
missing=""
command -v chromium >/dev/null 2>&1 || missing="$missing chromium"
command -v chromedriver >/dev/null 2>&1 || missing="$missing chromium-driver"
ls /usr/share/fonts/truetype/nanum/NanumGothic.ttf >/dev/null 2>&1 || missing="$missing fonts-nanum"
for tool in jq fzf; do
    command -v "$tool" >/dev/null 2>&1 || missing="$missing $tool"
done
[ -z "$missing" ] && exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "interop: not installed, so their checks are skipped:$missing (apt-get install$missing)" >&2
    exit 0
fi
echo "interop: installing$missing" >&2
{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing; } \
    >/dev/null 2>&1 || echo "interop: apt-get could not install:$missing; their checks are skipped" >&2
exit 0
