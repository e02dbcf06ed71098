#!/usr/bin/env bash
# What `make dist` needs for aarch64 on Debian, without touching the system: a Rust compiler that has the library for
# aarch64, and a Python for aarch64 to run the wheel with under qemu. Into .cache/aarch64, from Debian's packages.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$PWD/.cache/aarch64
mkdir -p "$folder"/{lists/partial,archives/partial,debs,rust,root}
cp /var/lib/dpkg/status "$folder/status"

apt() {
    apt-get -qq -o APT::Architectures::=amd64 -o APT::Architectures::=arm64 -o Dir::State::lists="$folder/lists" \
        -o Dir::State::status="$folder/status" -o Dir::Cache="$folder/archives" -o APT::Sandbox::User=root "$@"
}

apt update
cd "$folder/debs"
apt download rustc-web libstd-rust-web-1.96:amd64 libstd-rust-web-dev:amd64 libstd-rust-web-dev:arm64 libllvm22:amd64
for package in ./*.deb; do dpkg-deb -x "$package" ../rust; done
rm ./*.deb
apt download python3.11-minimal:arm64 libpython3.11-minimal:arm64 libpython3.11-stdlib:arm64 libc6:arm64 \
    libgcc-s1:arm64 zlib1g:arm64 libexpat1:arm64 libssl3:arm64 libffi8:arm64 libsqlite3-0:arm64 libuuid1:arm64 \
    libbz2-1.0:arm64 liblzma5:arm64 libcrypt1:arm64
for package in ./*.deb; do dpkg-deb -x "$package" ../root; done
rm ./*.deb
if ! command -v qemu-aarch64-static >/dev/null; then
    echo "Install qemu-user-static to run the wheel." >&2
fi
