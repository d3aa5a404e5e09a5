# shellcheck shell=bash disable=SC2034
# Static Linux programs against musl, by the build root's own gcc through
# musl-tools' wrapper. Everything that another toolchain does differently is here.

target_recipes=(qemu roms)      # what the image wants; the rest is pulled in
target_stage=musl               # build/stage/<this>: libraries for the launcher
target_packages=(gcc-14 binutils musl-tools musl-dev linux-libc-dev meson pkgconf)
target_system=linux             # meson's and Xen's name of the system: Linux
target_xen_os=Linux
target_cpu=x86_64
target_elf=x86-64               # as file(1) says it

target_optimise=-Os             # a recipe may say otherwise; README has both sizes
target_cflags=(
    -g                                  # stays in the unstripped copy only
    -ffunction-sections -fdata-sections # the linker drops what is not called
    -fno-asynchronous-unwind-tables     # nobody unwinds: C only, and musl's cancellation does not
    -mstringop-strategy=libcall         # -Os copies byte by byte in line; musl's memcpy() takes 8 at once
    -fvisibility=hidden                 # one static program: nothing is interposed
    -fstack-protector-strong            # hardening; FORTIFY needs glibc
)
target_ldflags=(
    '-Wl,--gc-sections'
    '-Wl,-z,relro,-z,now,-z,noexecstack'
    '-Wl,-z,stack-size=0x100000'        # musl's threads get 128 KiB; VNC's worker needs more
    '-Wl,-z,pack-relative-relocs'       # 1.9 MB of relocations become 30 KB
)
# QEMU's configure, what depends on the toolchain.
target_qemu_options=(
    --with-coroutine=sigaltstack        # musl has no makecontext
)

# target_tools BIN: the toolchain's programs as BIN/$TARGET-<tool>. musl brings no
# kernel headers: linux-libc-dev's are shown to it, and nothing else of the host.
target_tools() {
    local bin=$1 tool kernel=$SYSROOT/include.kernel
    mkdir -p "$kernel"
    ln -sfn /usr/include/linux "$kernel/linux"
    ln -sfn /usr/include/asm-generic "$kernel/asm-generic"
    ln -sfn /usr/include/x86_64-linux-gnu/asm "$kernel/asm"
    cat >"$bin/$TARGET-gcc" <<END
#!/bin/sh
exec /usr/bin/x86_64-linux-musl-gcc "\$@" -isystem $SYSROOT/include -isystem $kernel -L$SYSROOT/lib
END
    # gcc's own ar, nm and ranlib understand objects made for link-time optimisation.
    for tool in gcc-ar:ar gcc-nm:nm gcc-ranlib:ranlib strip objcopy objdump readelf ld as; do
        printf '#!/bin/sh\nexec %s "$@"\n' "/usr/bin/${tool%:*}" >"$bin/$TARGET-${tool#*:}"
    done
}
