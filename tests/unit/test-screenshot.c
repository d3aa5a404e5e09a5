// sources: launcher/dom0-daemon/root/fork-alone.c
// libs: libvncclient libgcrypt libpng
// cflags: -Ilauncher/screenshot -Ilauncher/dom0-daemon/root -DSCREENSHOT_SECONDS=seconds
/*
 * stubdom-screenshot, with a VNC server of a stub domain that was taken over: how large a screen it accepts, how much
 * time it takes, and when it reports a change of the screen.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
static unsigned int seconds = 30;

#define main screenshot_main
#include "launcher/screenshot/main.c"
#undef main
#include "unit.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "fork-alone.h"

int confine(enum confine_role role) { return 0; }

/* Errors are ignored: the client may have ended. */
static void say(int fd, const void *bytes, size_t len)
{
    ssize_t n = write(fd, bytes, len);

    assert_true(n == (ssize_t)len || (n < 0 && errno == EPIPE));
}

/* The handshake: version, security type "none", its result, and the screen. */
static void greet(int fd, unsigned int width, unsigned int height)
{
    struct {
        char version[12];
        uint8_t security[2];
        uint8_t result[4];
        uint16_t width, height;
        uint8_t bits, depth, big_endian, true_colour;
        uint16_t max[3];
        uint8_t shift[3], padding[3];
        uint8_t name[4];
    } hello = { .security = { 1, 1 }, .width = htons(width), .height = htons(height), .bits = 32, .depth = 24,
                .true_colour = 1, .max = { htons(255), htons(255), htons(255) }, .shift = { 16, 8, 0 } };

    memcpy(hello.version, "RFB 003.008\n", 12);
    assert_int_equal(sizeof(hello), 42);
    say(fd, &hello, sizeof(hello));
}

/* An update with a raw rectangle of one pixel. red 0: it is black. */
static void send_pixel(int fd, uint8_t red)
{
    const uint8_t update[] = { 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, red, red ? 98 : 0, red ? 97 : 0, 0 };

    say(fd, update, sizeof(update));
}

/* A new size of the screen: a pseudo-rectangle without pixels. */
static void send_size(int fd, uint8_t width, uint8_t height)
{
    const uint8_t update[] = { 0, 0, 0, 1, 0, 0, 0, 0, 0, width, 0, height, 255, 255, 255, 33 };

    say(fd, update, sizeof(update));
}

static int words = -1; /* the program's standard error; -1: ours */

/*
 * What a server does after the handshake. A number: sends a pixel with that red; SIZE: sends another size, without
 * pixels; PAUSE: waits until the client asks it to look; LONG_PAUSE: waits 1.5 s. The list ends with HANG_UP or STAY.
 */
enum { SIZE = 256, PAUSE, LONG_PAUSE, HANG_UP, STAY };

static char heard[4000]; /* what the server has received from one client */
static size_t heard_len;

/* Receives more. False: there is no more, or no room. */
static bool hear_some(int fd)
{
    ssize_t n = read(fd, heard + heard_len, sizeof(heard) - heard_len);

    if (n > 0)
        heard_len += n;
    return n > 0;
}

static const char cut_text[] = { 6, 0, 0, 0, 0, 0, 0, 0 };

/* Waits for a message, and not for a time: on a busy machine the client may be slow. */
static void await_cut_text(int fd)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };

    while (!memmem(heard, heard_len, cut_text, sizeof(cut_text)))
        if (poll(&p, 1, 10000) <= 0 || !hear_some(fd))
            return;
}

static void serve(int fd, const int *says)
{
    for (; *says != HANG_UP && *says != STAY; says++) {
        if (*says == SIZE)
            send_size(fd, 2, 1);
        else if (*says == PAUSE)
            await_cut_text(fd);
        else if (*says == LONG_PAUSE)
            poll(NULL, 0, 1500);
        else
            send_pixel(fd, *says);
    }
    if (*says == HANG_UP)
        shutdown(fd, SHUT_WR);
}

static pid_t (*start)(void) = fork;

/* Runs the program for TASK (NULL: a picture). Returns its exit status, and the picture's size. */
static int take(const char *task, unsigned int width, unsigned int height, const int *says, off_t *size)
{
    int ends[2], secret[2], picture = memfd_create("picture", 0), status;
    char *argv[] = { "stubdom-screenshot", (char *)task, NULL };
    struct stat st;
    pid_t pid;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    assert_int_equal(pipe(secret), 0);
    pid = start();
    if (pid == 0) {
        close(secret[1]);
        close(ends[0]);
        if (dup2(ends[1], STDIN_FILENO) < 0 || dup2(picture, STDOUT_FILENO) < 0 ||
            dup2(secret[0], SCREENSHOT_PASSWORD_FD) < 0 || (words >= 0 && dup2(words, STDERR_FILENO) < 0))
            _exit(99);
        alarm(20);
        status = screenshot_main(task ? 2 : 1, argv);
        _exit(status);
    }
    close(ends[1]);
    close(secret[0]);
    close(secret[1]);
    heard_len = 0;
    greet(ends[0], width, height);
    serve(ends[0], says);
    while (hear_some(ends[0]))
        ;
    close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(fstat(picture, &st), 0);
    close(picture);
    *size = st.st_size;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static const int one_pixel[] = { 99, HANG_UP }, nothing[] = { HANG_UP };

static void test_a_picture(void **state)
{
    off_t size;

    assert_int_equal(take(NULL, 1, 1, one_pixel, &size), SCREENSHOT_TAKEN);
    assert_in_range(size, 50, 200);
}

/* For the largest screen it allocates memory, and waits for the pixels. For a larger one it ends before. */
static void test_how_large(void **state)
{
    static const struct { unsigned int width, height; enum screenshot_status status; } rows[] = {
        { 4096, 2304, SCREENSHOT_LOST }, { 2304, 4096, SCREENSHOT_LOST }, { 4097, 2304, SCREENSHOT_REFUSED },
        { 8192, 8192, SCREENSHOT_REFUSED }, { 65535, 65535, SCREENSHOT_REFUSED }, { 0, 0, SCREENSHOT_REFUSED },
        { 65535, 0, SCREENSHOT_REFUSED },
    };
    off_t size;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int status = take(NULL, rows[i].width, rows[i].height, nothing, &size);

        if (status != (int)rows[i].status || size)
            fail_msg("%ux%u: status %d, %lld bytes", rows[i].width, rows[i].height, status, (long long)size);
    }
}

/* It ends as soon as the screen has changed, and makes no picture then. */
static void test_a_change(void **state)
{
    static const struct { int says[6]; enum screenshot_status status; } rows[] = {
        { { 99, 98, HANG_UP }, SCREENSHOT_TAKEN }, { { 99, 99, 99, 98, HANG_UP }, SCREENSHOT_TAKEN },
        { { 0, SIZE, HANG_UP }, SCREENSHOT_TAKEN }, { { 99, 98, STAY }, SCREENSHOT_TAKEN },
        { { 99, PAUSE, 98, HANG_UP }, SCREENSHOT_TAKEN },
        { { 99, HANG_UP }, SCREENSHOT_LOST }, { { 99, 99, PAUSE, 99, HANG_UP }, SCREENSHOT_LOST },
        { { HANG_UP }, SCREENSHOT_LOST },
    };
    off_t size;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int status = take(SCREENSHOT_CHANGE, 1, 1, rows[i].says, &size);

        if (status != (int)rows[i].status || size)
            fail_msg("row %zu: status %d, %lld bytes", i, status, (long long)size);
    }
}

/* A server that sends nothing is asked to look at its screen. */
static void test_it_asks(void **state)
{
    static const int pause[] = { 99, PAUSE, 98, HANG_UP };
    /* Raw and DesktopSize. QEMU's other way to report a size is unknown to libvncclient. */
    static const char encodings[] = { 2, 0, 0, 2, 0, 0, 0, 0, 255, 255, 255, 33 };
    off_t size;

    assert_int_equal(take(SCREENSHOT_CHANGE, 1, 1, pause, &size), SCREENSHOT_TAKEN);
    assert_non_null(memmem(heard, heard_len, cut_text, sizeof(cut_text)));
    assert_non_null(memmem(heard, heard_len, encodings, sizeof(encodings)));
}

/*
 * Its parent may have ended before it could ask Linux to be killed with it. Then the other end of its standard error's
 * pipe is closed.
 */
static void test_nobody_waits_for_it(void **state)
{
    int ends[2];
    off_t size;

    assert_int_equal(pipe(ends), 0);
    words = ends[1];
    assert_int_equal(take(NULL, 1, 1, one_pixel, &size), SCREENSHOT_TAKEN);
    close(ends[0]);
    assert_int_equal(take(NULL, 1, 1, one_pixel, &size), SCREENSHOT_NOT_CONFINED);
    assert_int_equal(size, 0);
    close(words);
    words = -1;
}

/*
 * Its parent may be stopped, so it has a time limit of its own. It is process 1 of its namespace, which a signal
 * without a handler does not end.
 */
static void test_it_ends_by_itself(void **state)
{
    static const int stay[] = { STAY }, late[] = { 99, LONG_PAUSE, 98, STAY };
    off_t size;

    seconds = 1;
    start = fork_alone;
    assert_int_equal(take(NULL, 1, 1, stay, &size), SCREENSHOT_LATE);
    assert_int_equal(size, 0);
    /* There is no limit for how long a change takes. */
    assert_int_equal(take(SCREENSHOT_CHANGE, 1, 1, late, &size), SCREENSHOT_TAKEN);
    start = fork;
    seconds = 30;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_picture),
        cmocka_unit_test(test_how_large),
        cmocka_unit_test(test_a_change),
        cmocka_unit_test(test_it_asks),
        cmocka_unit_test(test_nobody_waits_for_it),
        cmocka_unit_test_setup(test_it_ends_by_itself, root_only),
    };

    signal(SIGPIPE, SIG_IGN); /* see say() */
    return cmocka_run_group_tests_name("screenshot", tests, NULL, NULL);
}
