/*
 * The command line of stubdom-dm: exactly what libxl 4.20 passes to the program
 * that device_model_override names (libxl_dm.c, libxl__spawn_local_dm).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DM_OPTIONS_H
#define DM_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/un.h>

#define OPTIONS_MAX_MONITORS 4
#define OPTIONS_MAX_DOMID 0x7fefu /* DOMID_FIRST_RESERVED - 1 */
#define OPTIONS_MAX_TEXT 4096     /* longest argument that is looked into */

/* A QMP socket: an already listening descriptor (fd >= 0), or a path to listen at. */
struct options_monitor {
    char id[32];
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
    int fd;
    bool used; /* a -mon names it */
};

/* -vnc HOST:DISPLAY[,password=on][,to=N]; the TCP port is 5900 + display. */
struct options_vnc {
    bool enabled;
    char host[64]; /* empty: every address */
    unsigned int display, to;
    bool password;
};

struct options {
    bool help, version;
    bool probe; /* -machine none: libxl asks what we can do; no domain */
    bool paused; /* -S */
    bool attach; /* -xen-attach */
    bool xenpv;  /* -machine xenpv */
    unsigned int ignored; /* words that are not for us */
    int domid;   /* -1: none given */
    bool vnc_given;
    struct options_monitor monitors[OPTIONS_MAX_MONITORS];
    unsigned int monitor_count;
    struct options_vnc vnc;
};

/*
 * Fills OPTIONS from ARGV (ARGV[0] is skipped). What is no option of ours is skipped:
 * libxl hands on what the user adds for QEMU. 0, or -EINVAL with one line in ERROR that
 * names the argument. Does not touch descriptors or files.
 */
int options_parse(struct options *options, int argc, char *const argv[], char *error, size_t size);

/* The text for --help, a constant. */
extern const char options_help[];

#endif
