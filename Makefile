# xen-stubdom: everything a person starts. Each target calls one script of the
# room that does the work; the scripts keep slow results in a cache outside the
# tree and do only what changed. `make help` lists the targets.

SHELL := /bin/bash
export XEN ?= 4.20
export XENFIRMWAREDIR ?= /usr/lib/xen-$(XEN)/boot
export DESTDIR ?=
.DEFAULT_GOAL := all

.PHONY: help all prepare qemu kernel launcher micro rump image demo check check-all bench fuzz \
    install deb reproducible from-source lint clean distclean
.NOTPARALLEL:

help: ## this list
	@echo "xen-stubdom: QEMU for Xen HVM guests, in a stub domain"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18
	@echo "Environment: XEN_STUBDOM_CACHE=DIR (default ~/.cache/xen-stubdom), VERBOSE=1 (all output)"

all: image ## build everything: kernel, image, dom0's programs

prepare: # what the host must have, and the Debian 13 build root
	@packaging/host-packages
	@packaging/apt-private update >/dev/null
	@. packaging/lib.sh; step build-root "Debian 13 build root" packaging/build-root make

qemu: prepare ## build QEMU and its libraries (static, musl)
	@qemu/build

kernel: prepare ## build the stub domain's kernel
	@kernel-config/build
	@kernel-config/build --pci

launcher: qemu ## build the in-domain launcher and dom0's programs
	@launcher/build

micro: launcher ## build the micro flavour's kernel
	@launcher/stubdom-micro/build

rump: ## build the rump flavour (RUMPRUN=DIR, an installed rumprun toolchain)
	@launcher/stubdom-rump/build --toolchain
	@$(MAKE) -s prepare
	@launcher/stubdom-rump/build

image: kernel launcher micro ## build the flavours' images
	@initramfs/build

demo: image ## boot the lab and run a guest whose QEMU is in a stub domain
	@tests/lab/demo

# With RUMPRUN=DIR the rump flavour is built and tested, too.
check check-all: image $(if $(RUMPRUN),rump)
check: ## unit tests and lab scenarios; closes with "N passed, N failed"
	@tests/check

check-all: ## the same with the scenarios that take long (hours)
	@tests/check --all

bench: image $(if $(RUMPRUN),rump) ## measure all flavours that are built (ROUNDS=1: quickly); writes build/bench.json
	@tests/bench/run

fuzz: image ## fuzz the parsers for as long as you like (SECONDS=n)
	@tests/fuzz/run

lint: prepare ## scripts, man pages, layout, form of new commits
	@tests/lint

install: ## install into $(DESTDIR)/ (after make)
	@launcher/install "$(DESTDIR)"

deb: image ## build the Debian packages
	@packaging/deb

reproducible: deb ## build a second time, elsewhere and later, and compare (FULL=1: QEMU and the kernel, too)
	@tests/reproducible $(if $(FULL),--full)

from-source: deb ## build the source package in a bare Debian, without a network, and compare
	@tests/from-source

clean: ## remove build/
	@rm -rf build 2>/dev/null || sudo rm -rf build

distclean: clean ## remove build/ and the cache
	@. packaging/lib.sh; rm -rf --one-file-system "$$CACHE" 2>/dev/null || sudo rm -rf --one-file-system "$$CACHE"
