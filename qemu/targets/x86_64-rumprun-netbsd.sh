# shellcheck shell=bash disable=SC2034,SC2154
# The rump flavour: against the headers and libraries of an installed rumprun toolchain,
# which `make rump` stages in build/rumprun, by the build root's own gcc; the compiler that the
# toolchain was made with does not matter. What the C library of that time has not is in
# launcher/stubdom-rump/compat; the Xen libraries get the backends in launcher/stubdom-rump/xen.
#
# QEMU becomes one relocatable object with one name, stubdom_qemu_main(), which the flavour's image
# is linked with.

target_recipes=(qemu roms)
target_stage=rump
target_suffix=-rump
target_packages=(gcc-14 binutils meson pkgconf)
target_system=netbsd
target_xen_os=NetBSD
target_cpu=x86_64
target_elf=x86-64
# What else decides the results (qemu/build), relative to the repository.
target_inputs=(launcher/stubdom-rump/compat launcher/stubdom-rump/xen build/rumprun/.hash)

target_optimise=-Os
target_cflags=(
    -g
    -ffunction-sections -fdata-sections
    -fno-asynchronous-unwind-tables
    -fvisibility=hidden
    -fno-stack-protector    # its canary would be in thread-local memory that is not laid out for it
    -mno-red-zone           # a page fault's frame is written right below the stack pointer
    -fno-pic -fno-pie
)
target_ldflags=(-no-pie)
# They come behind the recipe's own and so win.
rump_wraps=$(printf ',--wrap=tap_%s' probe_vnet_hdr probe_has_ufo probe_has_uso fd_set_vnet_hdr_len fd_set_offload)
target_qemu_options=(
    --with-coroutine=ucontext           # makecontext() is ours
    --disable-pie
    --disable-linux-aio                 # threads, a few
    --disable-stack-protector
    --disable-xen-pci-passthrough       # wants Linux's sysfs
    # What its taps can do is the image's to say, under the name __wrap_… (launcher/stubdom-rump/rump-nic.c).
    "--extra-ldflags=-Wl$rump_wraps"
)

rump_room=${qemu_room:-}/../launcher/stubdom-rump
rump_sdk=$BUILD/rumprun

# What meson cannot find out, because it cannot run the programs that it links.
rump_meson_properties="[properties]
have_c99_vsnprintf = true
have_c99_snprintf = true
have_unix98_printf = true
have_strlcpy = true"

# rump_compat BIN: the library of what is missing, and of the names that only the image has.
rump_compat() {
    local f name
    for f in context intl missing; do
        "$1/$TARGET-gcc" -O2 -Wall -c "$rump_room/compat/$f.c" -o "$WORK/$f.o"
    done
    for name in $(sed -n 's/.*\b\(host_[a-z_]*\)(.*/\1/p' "$rump_room/xen/backend.h" | sort -u) \
        host_stack_prepare; do
        echo "void $name(void); void $name(void) {}"
    done >"$WORK/image.c"
    "$1/$TARGET-gcc" -c "$WORK/image.c" -o "$WORK/image.o"
    ar rcs "$SYSROOT/lib/libstubdom_compat.a" "$WORK"/{context,intl,missing,image}.o
    # What others have as libraries of their own. QEMU's object takes none of the C library's.
    mkdir -p "$SYSROOT/empty"
    for name in c m pthread util rt dl; do ar rcs "$SYSROOT/empty/lib$name.a"; done
}

target_tools() {
    local bin=$1 tool
    printf '#!/bin/sh\nexec %s/compat/rump-gcc %s %s "$@"\n' "$rump_room" "$SYSROOT" "$rump_sdk" \
        >"$bin/$TARGET-gcc"
    for tool in gcc-ar:ar gcc-nm:nm gcc-ranlib:ranlib strip objcopy objdump readelf ld as; do
        printf '#!/bin/sh\nexec %s "$@"\n' "/usr/bin/${tool%:*}" >"$bin/$TARGET-${tool#*:}"
    done
    chmod +x "$bin"/*
    rump_compat "$bin"
    if declare -F "rump_change_${name//-/_}" >/dev/null; then "rump_change_${name//-/_}"; fi
}

# rump_keep FUNCTION: the recipe's own, under the name recipes_FUNCTION.
rump_keep() { eval "recipes_$(declare -f "recipe_$1" | sed '1s/^recipe_//')"; }

# What a recipe does differently here; called before its functions are.
rump_change_libaio() { # Linux's: nobody asks for it
    recipe_configure() { :; }
    recipe_build() { :; }
    recipe_install() { mkdir -p "$DEST/usr/include"; }
}
rump_change_glib() {
    rump_keep configure
    recipe_configure() {
        echo "$rump_meson_properties" >>"$MESON_CROSS"
        recipes_configure
    }
}
rump_change_xen_libs() {
    rump_keep configure
    recipe_configure() {
        local lib
        recipes_configure
        for lib in call evtchn foreignmemory gnttab; do
            cp "$rump_room/xen/$lib.c" "tools/libs/$lib/netbsd.c"
        done
        cp "$rump_room/xen/devicemodel.c" tools/libs/devicemodel/compat.c
        cp "$rump_room/xen/backend.h" tools/include/stubdom-xen-backend.h
        # libxenvchan asks for these by the system's name.
        cp tools/include/xen-sys/Linux/gnt{alloc,dev}.h tools/include/xen-sys/NetBSD/
    }
}
rump_change_qemu() {
    # One name for the rest of the image, so that no other meets one of ours.
    recipe_install() {
        local object=$DEST/usr/lib/qemu.o
        mkdir -p "$DEST/usr/lib" "$DEST/usr/share/qemu/keymaps"
        "$TARGET-objcopy" --redefine-sym main=stubdom_qemu_main --keep-global-symbol=stubdom_qemu_main \
            qemu-system-i386 "$object"
        find "$SRC/pc-bios/keymaps" -type f ! -name meson.build \
            -exec install -m 644 -t "$DEST/usr/share/qemu/keymaps" {} +
        install -D -m 644 i386-softmmu-config-devices.mak "$DEST/usr/share/qemu-build/devices"
        install -D -m 644 config-host.h "$DEST/usr/share/qemu-build/config-host.h"
    }
}
