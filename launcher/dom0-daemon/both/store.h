/*
 * The stub domain's part of xenstore, and its guest's channels, as dom0's daemon needs it: which consoles
 * there are, what their frontends say, and what we say back. The only file that
 * knows paths. All reads of what the stub domain can write are capped and parsed
 * strictly.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DM_STORE_H
#define DM_STORE_H

#include "message.h"
#include "pci-backend.h"
#include "str-list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xenstore.h>

#define STORE_PATH 160 /* room for each path here */
#define STORE_MAX_OUTPUT 1024 /* longest `output` that is accepted */

struct store {
    struct xs_handle *xs;
    int domid;  /* the stub domain */
    int target; /* the guest that it serves; -1: none (libxl is removing the stub domain) */
};

/* One console, as libxl described it before the stub domain ran. */
struct store_console {
    unsigned int id;
    char output[STORE_MAX_OUTPUT + 1]; /* empty: none */
};

/* What a watch event was about. */
enum store_event {
    STORE_EVENT_NONE,     /* nothing is pending */
    STORE_EVENT_FRONTEND, /* a console's frontend; index is its number */
    STORE_EVENT_SLOT,     /* a VNC slot */
    STORE_EVENT_FILE,     /* a boot file */
    STORE_EVENT_QMP,      /* QEMU's QMP */
    STORE_EVENT_PCI,      /* a PCI device of dom0's came to the stub domain, or went */
    STORE_EVENT_RELEASE,  /* some domain went away */
    STORE_EVENT_OTHER,
};

/* 0 or -errno after logging a line. Every call blocks for as long as xenstored does. */
int store_open(struct store *store, int domid);
void store_close(struct store *store); /* idempotent */

/*
 * Lists the consoles that libxl gave the stub domain, by number, and then the channels of its guest (message.h). An
 * `output` that dom0 does not own is refused: the stub domain owns the directory and can replace what is in it. A
 * channel's is made of what is in its backend's folder, which is dom0's. Returns how many, or -errno after logging a
 * line.
 */
int store_list_consoles(struct store *store, struct store_console consoles[MESSAGE_MAX_CONSOLES]);

/* A console's frontend; console 0 has no state and always reads as Connected. 0 or -errno. */
int store_read_frontend(struct store *store, unsigned int id, struct message *message);

/* A VNC slot: 0; ring_ref and port are 0 when the stub domain does not offer it. */
int store_read_slot(struct store *store, unsigned int slot, struct message *message);

/* A boot file's vchan, likewise; QMP's, where INDEX says nothing. */
int store_read_file(struct store *store, unsigned int index, struct message *message);
int store_read_qmp(struct store *store, unsigned int index, struct message *message);

/*
 * What libxl wants of the guest's QEMU, into ARGV (initialised, empty); nothing when the
 * stub domain has no guest. It names files of dom0, so that it counts only while dom0 owns
 * it. 0 or -errno after logging a line.
 */
int store_read_dm_argv(struct store *store, struct str_list *argv);

/* The guest's video memory, octets, as libxl gave it; 0 when that is not known. */
uint64_t store_read_video_memory(struct store *store);

/*
 * The PCI devices of dom0's that the stub domain has for its guest, by dom0's names. How many, or -errno after
 * logging a line; 0 when it has none.
 */
#define STORE_MAX_PCI PCI_BACKEND_MAX
#define STORE_PCI_ADDRESS 16
int store_list_pci(struct store *store, char addresses[STORE_MAX_PCI][STORE_PCI_ADDRESS]);

/*
 * Notes one of them for the guest, where libxl notes the devices of a guest that has no stub domain, and looks for
 * them. libxl removes it when it takes the device away. 0 or -errno; 0 as well when it is noted, or
 * guest or device are going.
 */
int store_note_pci(struct store *store, const char *address);

/*
 * The backend of a stub domain that is gone. libxl leaves it when the stub domain's kernel had ended and gave no answer
 * any more, and dom0's kernel then keeps the devices from the next guest.
 */
void store_forget_pci(struct store *store);

/* Writes, 0 or -errno. */
int store_write_backend_state(struct store *store, unsigned int id, unsigned int state);
int store_write_tty(struct store *store, unsigned int id, const char *tty);
/*
 * Where `xl console -t serial GUEST` and `xl vncviewer GUEST` look: the guest's own
 * folder. libxl fills it for a QEMU in dom0; with a stub domain, nobody else does.
 */
int store_write_guest_tty(struct store *store, unsigned int serial, const char *tty);
int store_write_guest_vnc(struct store *store, const char *host, unsigned int port);
int store_write_running(struct store *store);

/* A new seed for the stub domain's random numbers, for its kernel to read and remove; no other domain can. */
#define STORE_SEED_BYTES 32
int store_write_seed(struct store *store);

/* The process that libxl takes for its way to QEMU, and signals: its number, which must exist. */
int store_read_proxy_pid(struct store *store, unsigned int *pid);
int store_write_proxy_pid(struct store *store, unsigned int pid);

/* Whom libxl is to signal; -ENOENT when the stub domain is going. */
int store_write_own_pid(struct store *store, unsigned int pid);

/* Watches the frontends of consoles 1 to COUNT - 1, what else is served, and domains ending. */
struct store_served {
    bool vnc, files, qmp;
};
int store_watch(struct store *store, const struct store_console *consoles, int count,
                const struct store_served *served);

/* What the keeper may ask xenstore for; root's filter passes no other path (root/store-filter.h). */
enum store_may {
    STORE_MAY_READ = 1,
    STORE_MAY_WATCH = 2,
    STORE_MAY_SET_STATE = 4,   /* 2 to 6 */
    STORE_MAY_SAY_RUNNING = 8,
};
struct store_rule {
    unsigned int may;
    char path[STORE_PATH];
};
#define STORE_MAX_RULES 112
/* How many. */
int store_list_rules(const struct store *store, const struct store_console *consoles, int count,
                     const struct store_served *served, struct store_rule rules[STORE_MAX_RULES]);

int store_fd(struct store *store); /* readable: call store_next_event() until it says NONE */
enum store_event store_next_event(struct store *store, unsigned int *index);

/* Whether the stub domain still exists (one that has shut down does): 1, 0, or -errno when that is not known. */
int store_domain_exists(struct store *store);

/* Whether libxl still wants a device model for it: 1, 0, or -errno. */
int store_is_wanted(struct store *store);

/* Whether xenstore answers: 0 or -errno. store_fd() does not tell of a connection that has broken. */
int store_check(struct store *store);

#endif
