# shellcheck shell=bash
# Which version a tree is of, whatever its repository is; a cache that was copied. Sourced by run, on the host, after
# commits.sh: the build root has no git.

# version_in TREE: what the scripts in it would say.
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

# The configuration of apt names its folder: a copy makes its own.
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
