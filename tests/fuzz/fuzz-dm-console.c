// sources: launcher/dom0-daemon/confined/throttle.c launcher/dom0-daemon/confined/pv-console.c
// sources: launcher/dom0-daemon/confined/xen-handles.c launcher/dom0-daemon/confined/console-ring.c
// sources: launcher/dom0-daemon/outputs/output.c launcher/dom0-daemon/outputs/output-pty.c
// sources: launcher/dom0-daemon/outputs/output-peer.c launcher/dom0-daemon/outputs/log-file.c
// sources: launcher/dom0-daemon/outputs/output-spec.c launcher/dom0-daemon/outputs/output-state.c
// sources: launcher/dom0-daemon/both/save-opener.c launcher/dom0-daemon/both/message.c tests/unit/fake-xen.c
// cflags: -Itests/unit -I../unit
/*
 * Three complete consoles and a channel, whose frontends do anything in any order: states in xenstore, grants and
 * ports, indices and bytes in the ring, storms of events. Meanwhile time passes, and at times no grant can be mapped
 * and no port bound. One console is the one that saved states go to. The channel has a socket, to which clients connect
 * and which they leave as they like. Each input byte is an operation. At the end nothing may be mapped or bound, and
 * the loop must be idle once nobody does anything.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "input.h"
#include "answer-opener.h"
#include "fake-xen.h"
#include "loop-rest.h"
#include "pv-console.h"
#include "message.h"
#include "util.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

#define CONSOLES 4
#define CLIENTS 2

static struct xencons_interface *page;
static struct loop loop;
static struct xen_handles handles;
static struct pv_console consoles[CONSOLES];
static int opener[2];
static char saved[64];
static struct sockaddr_un channel = { .sun_family = AF_UNIX };
static int clients[CLIENTS]; /* -1: not connected */

static void *the_page(const uint32_t *refs, uint32_t count)
{
    return refs[0] % 5 == 4 ? NULL : page;
}

static void note_state(void *data, unsigned int id, unsigned int state)
{
    MUST(id != 0 && state >= 2 && state <= 6);
}

static void open_console(struct pv_console *console, unsigned int id, const char *text)
{
    struct output_spec spec;
    char error[400];

    MUST(output_spec_parse(&spec, text, error, sizeof(error)) == 0);
    MUST(pv_console_open(console, id, &spec, &loop) == 0);
    console->output.opener_fd = opener[1];
    pv_console_start(console, &handles, note_state, NULL);
}

static void say_something(struct input *in)
{
    unsigned int which = take(in, 1);
    struct pv_console *console = &consoles[which >= 0xc0 ? CONSOLES - 1 : which % (CONSOLES - 1)];
    struct message message = { .type = MESSAGE_FRONTEND, .index = console->id,
                               .state = take(in, 1) % 10, .ring_ref = take(in, 1),
                               .port = take(in, 1) };

    pv_console_frontend(console, &message);
}

static void set_index(struct input *in)
{
    XENCONS_RING_IDX *indices[] = { &page->in_cons, &page->in_prod, &page->out_cons,
                                    &page->out_prod };
    XENCONS_RING_IDX *index = indices[take(in, 1) % ARRAY_SIZE(indices)];

    *index = take(in, 1) % 2 ? take(in, 4) : *index + take(in, 2);
}

/* A frame of a saved state. */
static void say_frame(unsigned int which)
{
    static const struct { const char *octets; size_t len; } pieces[] = {
        { "XSst\4\0\0\0QEVM", 12 }, { "XSst\0\0\0\0", 8 }, { "XSst\5\0\0\0QE", 10 }, { "QEVM", 4 },
    };

    for (size_t i = 0; i < pieces[which].len; i++)
        page->out[page->out_prod++ % sizeof(page->out)] = pieces[which].octets[i];
}

static void client_acts(struct input *in)
{
    static char octets[4096];
    unsigned int what = take(in, 1);
    int *client = &clients[what % CLIENTS];

    if (*client < 0) {
        *client = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)!connect(*client, (struct sockaddr *)&channel, sizeof(channel));
    } else if (what / CLIENTS % 4 == 0) {
        close(*client);
        *client = -1;
    } else if (what / CLIENTS % 4 == 1) {
        (void)!recv(*client, octets, sizeof(octets), 0);
    } else {
        (void)!send(*client, octets, 1 + take(in, 2) % sizeof(octets), MSG_NOSIGNAL);
    }
}

static void obey(struct input *in)
{
    unsigned int what = take(in, 1);

    if (what >= 0xe0) {
        client_acts(in);
        loop_rest(&loop);
        return;
    }
    switch (what % 8) {
    case 0: say_something(in); break;
    case 1: set_index(in); break;
    case 2: memset(page->out, take(in, 1), sizeof(page->out)); break;
    case 3: fake_xen_fire(1 + take(in, 1) % (xen.next + 1)); break;
    case 4: clock_ms += take(in, 1); break;
    case 5: say_frame(take(in, 1) % 4); break;
    case 6: answer_opener(opener[0], saved, take(in, 1) % 2); break;
    default: xen.fail_bind = take(in, 1) % 4 == 0;
    }
    loop_rest(&loop);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = { data, size };
    char text[200];

    fake_xen_reset();
    xen.pages = the_page;
    page = calloc(1, sizeof(*page));
    clock_ms = 1000;
    loop_init(&loop, now_ms);
    MUST(xen_open(&handles, &loop, 7, &no_grants) == 0);
    snprintf(saved, sizeof(saved), "/tmp/fuzz-dm-console.%d", getpid());
    MUST(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, opener));
    open_console(&consoles[0], 0, "file:/dev/null");
    open_console(&consoles[1], 3, "pty");
    open_console(&consoles[2], 1, "file:/tmp/state");
    snprintf(channel.sun_path, sizeof(channel.sun_path), "/tmp/fuzz-dm-channel.%d", getpid());
    snprintf(text, sizeof(text), "unix:%s,server,nowait", channel.sun_path);
    open_console(&consoles[3], MESSAGE_STUB_CONSOLES, text);
    for (int i = 0; i < CLIENTS; i++)
        clients[i] = -1;
    while (in.size)
        obey(&in);
    for (int i = 0; i < CONSOLES; i++)
        pv_console_dispose(&consoles[i]);
    xen_close(&handles);
    MUST(xen.mapped == 0 && xen.bound == 0);
    for (int i = 0; i < CLIENTS; i++)
        close(clients[i]);
    unlink(channel.sun_path);
    close(opener[0]);
    close(opener[1]);
    unlink(saved);
    free(page);
    return 0;
}
