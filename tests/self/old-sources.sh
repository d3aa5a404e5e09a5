# shellcheck shell=bash
# Sources that are not the newest: no package is made of images that lack a security update, unless told; what is
# installed says which. A part of tests/self/run, outside of the build root; no package is made: the rump flavour is asked
# for and is not there.

pretend() { # pretend KIND: images of a zlib 1, of which 2 is KIND
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
