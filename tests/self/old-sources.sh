# shellcheck shell=bash
# No package is made of images that lack a security update, unless that is asked for; then what is installed says which.
# Sourced by run, on the host. These tests never make a package: they ask for the rump flavour, which is missing.

pretend() { # pretend KIND: images with version 1 of zlib, where version 2 is KIND
    mkdir -p "$work/old"/{image,launcher"$XEN_SUFFIX"}
    : >"$work/old/launcher$XEN_SUFFIX/xl-stubdom"
    printf '%s\t%s\t1\t2\t%s\n' zlib zlib "$1" musl musl same >"$work/old/image/sources"
}
deb_says() { # deb_says WORDS [VARIABLE=VALUE...]
    ! env -u OLD_SOURCES BUILD="$work/old" LOGS="$work/old/log" RUMP=1 "${@:2}" packaging/deb >"$work/said" 2>&1 || return
    cat "$work/said"
    grep -q "$1" "$work/said"
}
pretend security
check "make deb refuses images that lack a security update" deb_says '^  zlib 1, 2 is newer$'
check "and says how to have them all the same" deb_says 'OLD_SOURCES=1'
check "which it then makes" deb_says 'build/rump is missing' OLD_SOURCES=1
pretend older
check "it makes those for which there is only something newer" deb_says 'build/rump is missing'
