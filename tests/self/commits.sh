# shellcheck shell=bash
# Does tests/commits find each mistake in a commit, and does it look at new commits only? Sourced by run, on the host:
# the build root has no git.

scratch=$work/scratch
# A git hook may run this: forget the hook's repository, and the user's settings.
# shellcheck disable=SC2046
unset $(git rev-parse --local-env-vars)
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
in_scratch() { git -C "$scratch" -c user.name=A -c user.email=a@b.example "$@"; }
commit() { in_scratch commit -q --allow-empty -m "$1"; }
fresh() { # a repository with an old wrong commit and one new commit for each MESSAGE
    rm -rf "$scratch"
    git init -q -b main "$scratch"
    commit 'an old one'
    in_scratch update-ref refs/remotes/origin/main HEAD
    for message; do commit "$message"; done
}
good=$'area: subject\n\nBody.'
agrees() { fresh "$@" && tests/commits "$scratch"; }
refuses() { # refuses WHAT MESSAGE...
    local said
    fresh "${@:2}"
    ! said=$(tests/commits "$scratch") && [ "$(wc -l <<<"$said")" -eq 1 ] && grep -F ": $1" <<<"$said"
}
subject=$(printf 'area: %066d' 0)
check "commits that are as they should be" agrees "$good" "$good"
check "a subject of 72 characters" agrees "${subject/0/ä}"$'\n\nBody.'
check "a subject of 73" refuses 'its subject has more than 72' "$subject"$'0\n\nBody.'
check "a subject without an area" refuses "its subject is not 'area" $'a subject\n\nBody.'
check "a second line that is not empty" refuses 'its second line' $'area: subject\nand more\n\nBody.'
check "a commit without a body" refuses 'it has no body' 'area: subject'
check "a wrong commit that is new and not the last" refuses 'it has no body' "$good" 'area: subject' "$good"

# What is new: in a fresh clone, with an origin/main that has diverged, without origin/main.
moved() { in_scratch update-ref refs/remotes/origin/main "$1" && tests/commits "$scratch"; }
nothing_new() { fresh "$@" && moved HEAD; }
elsewhere() { fresh wrong "$good" && moved "$(in_scratch commit-tree -m other 'HEAD^{tree}')"; }
no_remote() { fresh wrong "$good" && in_scratch update-ref -d refs/remotes/origin/main && tests/commits "$scratch"; }
has_upstream() { # it counts more than origin/main
    fresh wrong "$good" && in_scratch branch -q base HEAD~1 && in_scratch branch -q --set-upstream-to=base &&
        tests/commits "$scratch"
}
check "with nothing new, the last commit" nothing_new wrong "$good"
check "with nothing new, the last commit, which is wrong" eval '! nothing_new wrong'
check "with an origin/main that is no ancestor, the last commit" elsewhere
check "without a remote, the last commit" no_remote
check "since the branch's upstream" has_upstream

# After the last wrong commit of the main branch all are looked at, also where nothing is new: not only the last one.
after_base() { # after_base MESSAGE...: with an origin/main at the last of them
    fresh "$@" && in_scratch update-ref refs/remotes/origin/main HEAD &&
        tests/commits "$scratch" "$(in_scratch rev-list --max-parents=0 HEAD)"
}
check "since a wrong commit of old" after_base "$good" "$good"
check "since a wrong commit of old, with a wrong one among those pushed" eval '! after_base "$good" wrong "$good"'
check "a wrong commit of old that is in another history" eval 'nothing_new wrong "$good" && tests/commits "$scratch" 1234'
