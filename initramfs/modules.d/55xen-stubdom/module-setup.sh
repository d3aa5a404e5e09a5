#!/bin/bash
# The stub domain's image: QEMU, its firmware, the launcher as /init, and empty
# folders to mount on. No shell, no library, no kernel module.
# Inputs (environment): stage (QEMU's install tree), launcher (stubdom-init),
# release (a text file).

# dracut must not choose this module by itself.
check() {
    return 255
}

install() {
    local f d
    for d in dev proc run sys tmp usr/share/qemu/keymaps; do inst_dir "/$d"; done
    inst_simple "${launcher:?}" /init
    inst_simple "${release:?}" /etc/xen-stubdom-release
    inst_simple "${stage:?}/bin/qemu-system-i386" /usr/bin/qemu-system-i386
    for f in "$stage"/share/qemu/*.*; do inst_simple "$f" "/usr/share/qemu/${f##*/}"; done
    # Comments, four fifths of a key map, are removed: they would take memory.
    for f in "$stage"/share/qemu/keymaps/*; do
        sed '/^[[:space:]]*#/d; /^$/d' "$f" >"${initdir:?}/usr/share/qemu/keymaps/${f##*/}"
    done
}
