// sources: launcher/dom0-daemon/root/store-filter.c launcher/dom0-daemon/both/store.c
// libs: xenstore
// cflags: -DSTORE_FILTER_FOLDER="\"/tmp/fuzz-store-filter-XXXXXX\""
/*
 * A keeper that was taken over sends any octets to root's filter. Only whole requests get to xenstored, unchanged, and
 * each is one that a second, simpler implementation of the rules (below) allows. Input: requests, most of which begin
 * like an allowed one.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "input.h"
#include "clock.h"
#include "log.h"
#include "store-filter.h"
#include "util.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define MOST 8192
static struct loop loop;
static struct store_filter filter;
static const struct store_console consoles[] = { { .id = 0 }, { .id = 1 }, { .id = 3 }, { .id = 12 } };
static const struct store_served all = { true, true, true };

static unsigned int rule(const char *path)
{
    for (int i = 0; i < filter.rule_count; i++)
        if (!strcmp(filter.rules[i].path, path))
            return filter.rules[i].may;
    return 0;
}

/* The second implementation. TEXT has a NUL after its LEN octets. */
static void must_be_allowed(uint32_t type, const char *text, size_t len)
{
    size_t first = strlen(text) + 1;
    const char *rest = text + first;

    MUST(first <= len);
    if (type == XS_READ)
        MUST(rule(text) & STORE_MAY_READ && first == len);
    else if (type == XS_WATCH)
        MUST(rule(text) & STORE_MAY_WATCH && first + strlen(rest) + 1 == len);
    else if (type == XS_WRITE && rule(text) & STORE_MAY_SAY_RUNNING)
        MUST(len - first == 7 && !memcmp(rest, "running", 7));
    else if (type == XS_WRITE)
        MUST(rule(text) & STORE_MAY_SET_STATE && len - first == 1 && strchr("23456", *rest));
    else if (type == XS_IS_DOMAIN_INTRODUCED)
        MUST(!strcmp(text, "7") && len == 2);
    else if (type == XS_TRANSACTION_START)
        MUST(len == 1);
    else
        MUST(type == XS_TRANSACTION_END && len == 2 && (*text == 'T' || *text == 'F'));
}

/* Checks the LEN octets that have got to xenstored: whole requests, as they were sent. Returns LEN. */
static size_t check_passed(const uint8_t *sent, const uint8_t *got, size_t len)
{
    struct xsd_sockmsg header;
    char text[STORE_FILTER_REQUEST + 1];
    size_t at = 0;

    MUST(!memcmp(sent, got, len));
    while (len - at >= sizeof(header)) {
        memcpy(&header, got + at, sizeof(header));
        MUST(header.len && header.len <= STORE_FILTER_REQUEST && header.len <= len - at - sizeof(header));
        memcpy(text, got + at + sizeof(header), header.len);
        text[header.len] = '\0';
        must_be_allowed(header.type, text, header.len);
        at += sizeof(header) + header.len;
    }
    MUST(at == len);
    return at;
}

/* Makes a request, or something like one. Returns its size. */
static size_t make_request(struct input *in, uint8_t *to)
{
    static const uint8_t types[] = { XS_READ, XS_WATCH, XS_WRITE, XS_IS_DOMAIN_INTRODUCED, XS_TRANSACTION_START,
                                     XS_TRANSACTION_END, XS_RM, XS_SET_TARGET };
    static const char *const others[] = { "", "7", "T", "F", "/", "running" };
    struct xsd_sockmsg header = { .type = types[take(in, 1) % ARRAY_SIZE(types)] };
    unsigned int which = take(in, 1), extra = take(in, 1) % 24;
    const char *text = which % 8 ? filter.rules[which % filter.rule_count].path : others[which / 8 % 6];

    header.tx_id = header.type == XS_TRANSACTION_END; /* 1: what xenstored_answers() says to XS_TRANSACTION_START */
    header.len = strlen(text) + 1 + (extra > 16 ? 0 : extra);
    memset(to, 0, sizeof(header) + header.len);
    strcpy((char *)to + sizeof(header), text);
    for (size_t i = strlen(text) + 1; i < header.len; i++)
        to[sizeof(header) + i] = take(in, 1);
    if (extra == 23)
        header.len = take(in, 4);
    memcpy(to, &header, sizeof(header));
    return sizeof(header) + MIN(header.len, strlen(text) + 1 + (extra > 16 ? 0 : extra));
}

/* Answers the request that has come to xenstored, if any. Returns its size. */
static size_t xenstored_answers(int xenstored, uint8_t *got, size_t room)
{
    struct { struct xsd_sockmsg header; char text[2]; } answer = { .text = "1" };
    ssize_t n = recv(xenstored, got, room, MSG_DONTWAIT);

    if (n <= 0)
        return 0;
    memcpy(&answer.header, got, sizeof(answer.header));
    MUST((size_t)n == sizeof(answer.header) + answer.header.len);
    answer.header.len = sizeof(answer.text);
    MUST(send(xenstored, &answer, sizeof(answer.header) + sizeof(answer.text), MSG_DONTWAIT | MSG_NOSIGNAL) > 0 ||
         filter.xenstored.fd < 0);
    return n;
}

/* Sends all requests in pieces of any length. */
static void send_all(struct input *in, int keeper, int xenstored, const uint8_t *sent, size_t len)
{
    static uint8_t got[MOST];
    size_t at = 0, passed = 0;
    ssize_t n;

    while (at < len && filter.keeper.fd >= 0) {
        n = send(keeper, sent + at, MIN(len - at, take(in, 1) + 1), MSG_DONTWAIT | MSG_NOSIGNAL);
        at += n > 0 ? n : 0;
        MUST(!loop_turn(&loop, 0));
        passed += xenstored_answers(xenstored, got + passed, sizeof(got) - passed);
    }
    for (int i = 0; i < 200 && filter.keeper.fd >= 0; i++) {
        MUST(!loop_turn(&loop, 0));
        passed += xenstored_answers(xenstored, got + passed, sizeof(got) - passed);
    }
    passed += xenstored_answers(xenstored, got + passed, sizeof(got) - passed);
    check_passed(sent, got, passed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t sent[MOST];
    struct input in = { data, size };
    struct store store = { .domid = 7, .target = 6 };
    int keeper[2], xenstored[2];
    size_t len = 0;

    log_set_sink(no_log, NULL);
    loop_init(&loop, clock_now_ms);
    store_filter_init(&filter, &loop);
    filter.domid = 7;
    filter.rule_count = store_list_rules(&store, consoles, ARRAY_SIZE(consoles), &all, filter.rules);
    tokens_init(&filter.pieces, 1u << 20, 1, clock_now_ms());
    MUST(!socketpair(AF_UNIX, SOCK_STREAM, 0, keeper) && !socketpair(AF_UNIX, SOCK_STREAM, 0, xenstored));
    filter.keeper.fd = keeper[0];
    filter.xenstored.fd = xenstored[0];
    filter.keeper.events = filter.xenstored.events = POLLIN;
    MUST(!loop_add_fd(&loop, &filter.keeper) && !loop_add_fd(&loop, &filter.xenstored));
    while (in.size && len + STORE_FILTER_REQUEST + 64 < MOST)
        len += make_request(&in, sent + len);
    send_all(&(struct input){ data, size }, keeper[1], xenstored[1], sent, len);
    store_filter_close(&filter);
    close(keeper[1]);
    close(xenstored[1]);
    return 0;
}
