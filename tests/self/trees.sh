# shellcheck shell=bash
# Which version is a source tree of, with any or no repository around it? Does a copied cache work? Which kernel trees
# stay in the cache? Sourced by run, on the host, after commits.sh: the build root has no git.

# version_in TREE: what tree_version of the scripts in TREE prints.
version_in() { mkdir -p "$1/packaging" && cp packaging/lib.sh "$1/packaging/" && bash -c '. "$1"; tree_version' - "$1/packaging/lib.sh"; }
head_of() { git -C "$scratch" rev-parse --short HEAD; }
fresh "$good"
in_worktree() {
    in_scratch worktree add -q "$work/worktree" && [ "$(version_in "$work/worktree")" = "$(head_of)" ]
}
in_package() {
    mkdir "$scratch/package" && echo v1.2 >"$scratch/package/.version" && [ "$(version_in "$scratch/package")" = v1.2 ]
}
alone() { mkdir "$work/alone" && [ "$(GIT_CEILING_DIRECTORIES=$work version_in "$work/alone")" = unknown ]; }
check "a worktree knows its commit" in_worktree
check "a source package knows its version, also in another's repository" in_package
check "a tree without git says so" alone

# apt's configuration names its folder: a copied cache must make a new one.
copied_cache() {
    local apt=$work/cache/apt
    mkdir -p "$apt/lists"
    sed "s,$CACHE/apt,/nowhere/apt," "$CACHE/apt/apt.conf" >"$apt/apt.conf"
    cp "$CACHE/apt/"*.list "$apt/"
    touch "$apt/updated"
    XEN_STUBDOM_CACHE=$work/cache packaging/apt-private update && grep -F "\"$apt\"" "$apt/apt.conf"
}
packaging/apt-private update >/dev/null
check "a copied cache's apt is that of its folder" copied_cache

# Kernel trees: the three that were used last stay, one that somebody builds in stays, and files of others stay.
prunes() {
    local cache=$work/kernels n pid rc=0
    mkdir -p "$cache"/{src,work}/linux-{1..6}-a "$cache"/src/{linux-2-a.part,linux-7-b,qemu-1} "$cache/work/x86_64-qemu"
    for n in 1 2 3 4 5 6; do touch -d "2026-01-0$n" "$cache/work/linux-$n-a"; done
    : >"$cache/work/linux-4-a.busy" # left by a killed build, and newer than the trees
    flock "$cache/lock.src.linux-2-a" sleep 60 &
    pid=$!
    while flock -n "$cache/lock.src.linux-2-a" true; do sleep 0.1; done
    XEN_STUBDOM_CACHE=$cache kernel-config/prune linux-3-a || rc=$?
    kill "$pid"
    (cd "$cache" && echo src/* work/*) | tee "$work/stays"
    [ "$rc" -eq 0 ] && [ "$(cat "$work/stays")" = "src/linux-2-a src/linux-2-a.part src/linux-3-a src/linux-5-a src/linux-6-a \
src/qemu-1 work/linux-2-a work/linux-3-a work/linux-5-a work/linux-6-a work/x86_64-qemu" ]
}
check "of kernels' trees those stay that somebody wants" prunes
