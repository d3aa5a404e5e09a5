/*
 * command-line: what an xl command line says about a guest's config.
 *
 * xl's own parsing is followed option by option (xl.c, xl_vmcontrol.c, xl_saverestore.c,
 * xl_migrate.c and xl_misc.c of Xen 4.20), because the config must be found where xl finds it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef XL_STUBDOM_COMMAND_LINE_H
#define XL_STUBDOM_COMMAND_LINE_H

#include <stdbool.h>
#include <stddef.h>

/* What a subcommand reads of a guest's config. */
enum config_use {
    CONFIG_UNUSED, /* none: xl runs unchanged */
    CONFIG_INLINE, /* a file, and key=value arguments after it (create, config-update) */
    CONFIG_FILE,   /* a file alone (restore, save, migrate -C) */
};

struct command_line {
    enum config_use use;
    const char *config; /* the file, part of the caller's argv */
    int config_arg;     /* the index in argv of the argument that `config` is in */
    char *extra;        /* inline settings, a line each, or NULL */
    bool *inline_args;  /* by index in argv: it is one of these; NULL: none */
    bool makes_guest;   /* the command makes a domain, or would without "-n" */
    bool starts_guest;  /* it does */
    bool paused;        /* create, restore: that is not to run yet */
    const char *checkpoint; /* restore without a config: the file; part of the caller's argv */
    const char *attached; /* network-attach: the domain that gets a NIC; part of the caller's argv */
    int nic_arg;          /* and the index in argv of the first of the NIC's fields; argc: there is none */
    const char *saved; /* save, migrate: the domain; part of the caller's argv */
    const char *pci_attached; /* pci-attach: the domain; part of the caller's argv */
    const char *monitored; /* qemu-monitor-command: the domain; part of the caller's argv */
};

/*
 * Reads argv (the whole command line, argv[0] included; not changed). A command line that xl would
 * itself refuse, or that only asks for help, is CONFIG_UNUSED: xl says so better.
 * Returns 0 or -ENOMEM. Dispose afterwards in either case.
 */
int command_line_init(struct command_line *line, int argc, char **argv);
void command_line_dispose(struct command_line *line);

/*
 * Makes a new argument vector for xl in *out: argv with the config's name replaced by `file`, which has
 * the inline settings in it, and without these. argv[0] becomes "xl".
 * Free with command_line_free_argv. Returns 0 or -ENOMEM.
 */
int command_line_argv(const struct command_line *line, int argc, char **argv, const char *file,
                      char ***out);
void command_line_free_argv(char **argv);

#endif
