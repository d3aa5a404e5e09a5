// sources: launcher/screenshot/main.c
// libs: libvncclient libgcrypt libpng
// cflags: -I../../launcher/dom0-daemon/root -Dmain=screenshot_main
// cflags: -DrfbGetClient=new_client -Dcalloc=new_screen -Dalarm=no_alarm -Dsignal=no_signal
/*
 * A VNC server in the stub domain sends anything to stubdom-screenshot and hangs up. The input's first byte says
 * whether there is a password, whether the server reads what the client sends, and whether stubdom-screenshot is to
 * make a picture or to wait for a change of it. If it reports success, the picture is a PNG.
 *
 * libvncclient is not built with coverage. The client's answers are counted instead: they show how far it came.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "input.h"
#include "confine.h"
#include "screenshot.h"

#include <fcntl.h>
#include <rfb/rfbclient.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#undef rfbGetClient
#undef calloc
#define INPUT_MAX 512
#define SCREEN_MAX (4096u * 2304 * 4)

int screenshot_main(int argc, char **argv);
rfbClient *rfbGetClient(int bits, int samples, int bytes);
void *calloc(size_t count, size_t size);

__attribute__((section("__libfuzzer_extra_counters"))) static uint8_t progress[512];
static rfbClient *client;
static size_t memory; /* that may still be allocated: large screens are slow */

int confine(enum confine_role role) { return 0; }

/* libFuzzer itself uses SIGALRM, for its time limit of one input. */
unsigned int no_alarm(unsigned int seconds) { return 0; }
sighandler_t no_signal(int number, sighandler_t handler) { return SIG_DFL; }

/* As with the memory limit of confine(), a larger allocation fails. */
const char *__asan_default_options(void)
{
    return "max_allocation_size_mb=512:allocator_may_return_null=1";
}

rfbClient *new_client(int bits, int samples, int bytes)
{
    return client = rfbGetClient(bits, samples, bytes);
}

void *new_screen(size_t count, size_t size)
{
    MUST(count * size <= SCREEN_MAX);
    if (count * size > memory)
        return NULL;
    memory -= count * size;
    return calloc(count, size);
}

/* Makes the two ends of a connection whose buffers hold all that one end writes before the other reads. */
static void connect_ends(int ends[2])
{
    int room = 64 << 20;

    MUST(!socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
    for (int i = 0; i < 2; i++)
        MUST(!setsockopt(ends[i], SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)));
}

static int give_password(bool any)
{
    int ends[2];

    MUST(!pipe(ends));
    MUST(!any || write(ends[1], "secret", 6) == 6);
    close(ends[1]);
    return ends[0];
}

static void check_png(void)
{
    char bytes[8];

    MUST(pread(STDOUT_FILENO, bytes, sizeof(bytes), 0) == sizeof(bytes));
    MUST(!memcmp(bytes, "\x89PNG\r\n\x1a\n", sizeof(bytes)));
}

/* Moves a descriptor to the number where stubdom-screenshot expects it. */
static void place(int fd, int where)
{
    MUST(dup2(fd, where) == where);
    if (fd != where)
        close(fd);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct sigaction ignore = { .sa_handler = SIG_IGN };

    sigaction(SIGPIPE, &ignore, NULL);
    place(open("/dev/null", O_RDWR), SCREENSHOT_PASSWORD_FD);
    place(memfd_create("picture", 0), STDOUT_FILENO);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *argv[] = {"stubdom-screenshot", SCREENSHOT_CHANGE, NULL};
    bool change = size && data[0] & 4;
    int ends[2], status, heard;

    if (!size || size > INPUT_MAX)
        return -1;
    memory = SCREEN_MAX;
    client = NULL;
    connect_ends(ends);
    MUST(write(ends[1], data + 1, size - 1) == (ssize_t)size - 1);
    shutdown(ends[1], data[0] & 2 ? SHUT_RDWR : SHUT_WR);
    place(give_password(data[0] & 1), SCREENSHOT_PASSWORD_FD);
    MUST(dup2(ends[0], STDIN_FILENO) == STDIN_FILENO && !ftruncate(STDOUT_FILENO, 0));
    rewind(stdout);
    status = screenshot_main(change ? 2 : 1, argv);
    MUST(status >= 0 && status < SCREENSHOT_STATUSES && status != SCREENSHOT_NOT_CONFINED);
    if (status == SCREENSHOT_TAKEN && !change)
        check_png();
    if (client && status != SCREENSHOT_REFUSED && status != SCREENSHOT_NO_PASSWORD) {
        free(client->frameBuffer);
        rfbClientCleanup(client);
    }
    MUST(!ioctl(ends[1], FIONREAD, &heard));
    progress[heard % sizeof(progress)] = 1;
    close(ends[0]);
    close(ends[1]);
    place(open("/dev/null", O_RDWR), STDIN_FILENO);
    return 0;
}
