/*
 * net-test: what scenarios need of a network beyond busybox, in the guest and in dom0.
 *   send IF LENGTH HEX...        one frame that begins with HEX, filled up to LENGTH
 *   wait IF SECONDS LENGTH HEX   waits for such a frame, and checks its filling
 *   source HOST PORT MIB         connects and sends, until the peer has closed
 *   sink HOST PORT MIB           connects and receives as much
 *   serve PORT MIB               one connection after another, until the peer closes or
 *                                MIB were sent: to "source" a sink, to "sink" a source
 * The streams' content is known and checked. source and sink print the seconds it took.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FRAME_MAX 16384
#define CHUNK 65536

static int fail(const char *what)
{
    fprintf(stderr, "net-test: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

/* Frame: HEX, then 0, 1, 2… from the offset on. */
static void make_frame(uint8_t *frame, size_t length, char **hex)
{
    size_t n = 0;

    for (; *hex; hex++)
        for (char *h = *hex; *h && n < length; h += 2)
            if (sscanf(h, "%2hhx", &frame[n++]) != 1)
                fail(h);
    for (; n < length; n++)
        frame[n] = n;
}

static int open_packet(const char *interface, struct sockaddr_ll *address)
{
    int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));

    *address = (struct sockaddr_ll){ .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL),
                                     .sll_ifindex = if_nametoindex(interface) };
    if (fd < 0 || !address->sll_ifindex || bind(fd, (struct sockaddr *)address, sizeof(*address)) < 0)
        fail(interface);
    return fd;
}

static size_t length_of(const char *text)
{
    size_t length = strtoul(text, NULL, 0);

    return length < 1 || length > FRAME_MAX ? (size_t)fail("length") : length;
}

static int send_frame(const char *interface, const char *length_text, char **hex)
{
    uint8_t frame[FRAME_MAX];
    size_t length = length_of(length_text);
    struct sockaddr_ll address;
    int fd = open_packet(interface, &address);

    make_frame(frame, length, hex);
    if (sendto(fd, frame, length, 0, (struct sockaddr *)&address, sizeof(address)) != (ssize_t)length)
        fail("send");
    return 0;
}

/* A NIC may pad a frame that is shorter than Ethernet's minimum. */
static int wait_frame(const char *interface, const char *seconds, const char *length_text, char **hex)
{
    uint8_t wanted[FRAME_MAX], got[FRAME_MAX];
    size_t length = length_of(length_text);
    double end = now() + atof(seconds);
    struct sockaddr_ll address;
    struct pollfd poller = { .fd = open_packet(interface, &address), .events = POLLIN };
    struct packet_mreq all = { .mr_ifindex = address.sll_ifindex, .mr_type = PACKET_MR_PROMISC };

    setsockopt(poller.fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all));
    make_frame(wanted, length, hex);
    puts("waiting");
    fflush(stdout);
    while (now() < end) {
        socklen_t size = sizeof(address);
        ssize_t n;

        if (poll(&poller, 1, (int)((end - now()) * 1000) + 1) <= 0)
            continue;
        n = recvfrom(poller.fd, got, sizeof(got), 0, (struct sockaddr *)&address, &size);
        if (address.sll_pkttype == PACKET_OUTGOING || n < (ssize_t)length ||
            (n != (ssize_t)length && n > ETH_ZLEN) || memcmp(got, wanted, length))
            continue;
        printf("got %zd\n", n);
        return 0;
    }
    puts("nothing");
    return 1;
}

static void fill(uint64_t *words, uint64_t offset)
{
    for (size_t i = 0; i < CHUNK / 8; i++)
        words[i] = (offset / 8 + i) * 0x9e3779b97f4a7c15ULL;
}

static void send_stream(int fd, uint64_t size)
{
    static uint64_t words[CHUNK / 8];

    for (uint64_t offset = 0; offset < size; offset += CHUNK) {
        fill(words, offset);
        for (size_t done = 0; done < CHUNK;) {
            ssize_t n = write(fd, (char *)words + done, CHUNK - done);

            if (n <= 0)
                fail("write");
            done += n;
        }
    }
    shutdown(fd, SHUT_WR);
}

static uint64_t receive_stream(int fd)
{
    static uint64_t words[CHUNK / 8], expected[CHUNK / 8];
    uint64_t size = 0;
    size_t have = 0;
    ssize_t n;

    while ((n = read(fd, (char *)words + have, CHUNK - have)) > 0) {
        have += n;
        if (have < CHUNK)
            continue;
        fill(expected, size);
        if (memcmp(words, expected, CHUNK)) {
            errno = EBADMSG;
            fail("content");
        }
        size += CHUNK;
        have = 0;
    }
    return n < 0 ? (uint64_t)fail("read") : size + have;
}

static int dial(const char *host, const char *port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(atoi(port)) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    inet_pton(AF_INET, host, &address.sin_addr);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        fail(host);
    return fd;
}

/* The first octet tells the server what this end does. */
static int stream(bool source, const char *host, const char *port, uint64_t size)
{
    int fd = dial(host, port);
    double start = now();
    char end;

    if (write(fd, source ? "s" : "r", 1) != 1)
        fail("write");
    if (source) {
        send_stream(fd, size);
        /* The peer's answer says that it has received everything. */
        if (read(fd, &end, 1) != 1)
            fail("no answer");
    } else if (receive_stream(fd) != size) {
        errno = EPIPE;
        fail("size");
    }
    printf("%.3f\n", now() - start);
    return 0;
}

static void serve(const char *port, uint64_t size)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(atoi(port)) };
    int listener = socket(AF_INET, SOCK_STREAM, 0), yes = 1;

    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(listener, 1) < 0)
        fail("listen");
    puts("serving");
    fflush(stdout);
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        char what = 0;

        if (fd < 0 || read(fd, &what, 1) != 1)
            fail("accept");
        if (what == 'r')
            send_stream(fd, size);
        else if (receive_stream(fd) != size || write(fd, "k", 1) != 1)
            fail("stream");
        close(fd);
    }
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";

    if (!strcmp(what, "send") && argc >= 4)
        return send_frame(argv[2], argv[3], argv + 4);
    if (!strcmp(what, "wait") && argc >= 5)
        return wait_frame(argv[2], argv[3], argv[4], argv + 5);
    if ((!strcmp(what, "source") || !strcmp(what, "sink")) && argc == 5)
        return stream(what[1] == 'o', argv[2], argv[3], strtoull(argv[4], NULL, 0) << 20);
    if (!strcmp(what, "serve") && argc == 4)
        serve(argv[2], strtoull(argv[3], NULL, 0) << 20);
    errno = EINVAL;
    return fail(what);
}
