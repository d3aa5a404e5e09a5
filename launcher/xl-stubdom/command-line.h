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

/* How settings can be added to the config that a subcommand reads. */
enum config_use {
    CONFIG_UNUSED, /* no guest config on this command line: xl runs unchanged */
    CONFIG_INLINE, /* xl takes key=value arguments after the file (create, config-update) */
    CONFIG_FILE,   /* xl takes a file alone (restore, save, migrate -C) */
};

struct command_line {
    enum config_use use;
    const char *config; /* the file, part of the caller's argv */
    int config_arg;     /* the index in argv of the argument that `config` is in */
    char *extra;        /* inline settings, a line each, or NULL */
    bool starts_guest;  /* the command makes a domain */
    bool paused;        /* create, restore: that is not to run yet */
    const char *checkpoint; /* restore without a config: the file; part of the caller's argv */
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
 * Makes a new argument vector for xl in *out: argv with `settings` (`count` of key=value) appended,
 * or, when `file` is not NULL, with the config's name replaced by it. argv[0] becomes "xl".
 * Free with command_line_free_argv. Returns 0 or -ENOMEM.
 */
int command_line_argv(const struct command_line *line, int argc, char **argv,
                      char *const *settings, size_t count, const char *file, char ***out);
void command_line_free_argv(char **argv);

#endif
