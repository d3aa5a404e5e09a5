/*
 * stubdom-screenshot: one picture of a guest's screen, as a VNC viewer sees it, or the moment at which it changes
 * (screenshot.h). The server is in the stub domain, so its bytes are hostile: this process has no privileges, and sees
 * an empty folder as its file system.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "screenshot.h"

#include "confine.h"

#include <gcrypt.h>
#include <png.h>
#include <poll.h>
#include <rfb/rfbclient.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PIXEL 4          /* bytes as they come: red, green, blue, nothing */
#define MAX_PIXELS (4096u * 2304u) /* 36 MiB; QEMU's own screens end at 2560x1600 */
#define LOOK_US 50000    /* between two looks at whether the screen has changed */

static char password[SCREENSHOT_PASSWORD_MAX + 1];
static bool password_asked;
static uint64_t missing; /* pixels of the screen that did not come yet */
static unsigned int screens; /* how many there were, each of another size than the one before */
static GotBitmapProc copy_pixels; /* libvncclient's own */

static void say_nothing(const char *format, ...)
{
}

static char *give_password(rfbClient *client)
{
    password_asked = true;
    return strdup(password);
}

/* Also when the screen's size changes on the way: then it is sent anew. */
static rfbBool make_screen(rfbClient *client)
{
    missing = (uint64_t)client->width * client->height;
    screens++;
    free(client->frameBuffer);
    client->frameBuffer = missing && missing <= MAX_PIXELS ? calloc(missing, PIXEL) : NULL;
    return client->frameBuffer != NULL;
}

/* Pixels; other rectangles, which tell of the screen's size, have none. */
static void take_pixels(rfbClient *client, const uint8_t *bytes, int x, int y, int width, int height)
{
    uint64_t pixels = (uint64_t)width * height;

    copy_pixels(client, bytes, x, y, width, height);
    missing -= pixels < missing ? pixels : missing;
}

static int write_png(const rfbClient *client)
{
    png_image image = { .version = PNG_IMAGE_VERSION, .width = client->width,
                        .height = client->height, .format = PNG_FORMAT_RGB };
    uint8_t *to = client->frameBuffer, *from = to;

    for (size_t left = (size_t)image.width * image.height; left; left--, to += 3, from += PIXEL)
        memmove(to, from, 3);
    if (!png_image_write_to_stdio(&image, stdout, 0, client->frameBuffer, 0, NULL) ||
        fflush(stdout))
        return SCREENSHOT_NOT_WRITTEN;
    return SCREENSHOT_TAKEN;
}

/*
 * Of new sizes the server is to tell by DesktopSize. libvncclient always asks for ExtendedDesktopSize, too, and then
 * ignores QEMU's, since the number of its screen is 0: the next rectangle is too large for it.
 */
static bool set_encodings(rfbClient *client)
{
    static const char raw_and_size[] = "\2\0\0\2" "\0\0\0\0" "\377\377\377\41";

    return WriteToRFBServer(client, raw_and_size, sizeof(raw_and_size) - 1);
}

/*
 * True: there is a message. QEMU looks at a screen that does not change less and less often, down to every 3 s. A
 * message of a type above 3 has it look at once (protocol_client_msg() of ui/vnc.c); after this pause it gets one that
 * changes nothing for the guest, an empty clipboard.
 */
static bool wait_message(rfbClient *client)
{
    return client->buffered || WaitForMessage(client, LOOK_US) > 0;
}

/* Since it was whole for the first time. */
static int wait_change(rfbClient *client)
{
    size_t size = (size_t)client->width * client->height * PIXEL;
    unsigned int first_screens = screens;
    uint8_t *first = malloc(size);
    bool lost = false;

    if (!first)
        return SCREENSHOT_NOT_WRITTEN;
    memcpy(first, client->frameBuffer, size);
    while (!lost && screens == first_screens && !memcmp(first, client->frameBuffer, size))
        lost = wait_message(client) ? !HandleRFBServerMessage(client) : !SendClientCutText(client, "", 0);
    free(first);
    return lost ? SCREENSHOT_LOST : SCREENSHOT_TAKEN;
}

/*
 * QEMU says this one version. In an older one a server picks the way of authentication without asking, and some of
 * libvncclient's abort when a number is 0 (UltraVNC's MSLogonII).
 */
static bool speaks_as_qemu(void)
{
    static const char version[] = "RFB 003.008\n";
    char said[sizeof(version) - 1];

    return recv(STDIN_FILENO, said, sizeof(said), MSG_PEEK | MSG_WAITALL) == sizeof(said) &&
           !memcmp(said, version, sizeof(said));
}

static int take_picture(rfbClient *client, bool change)
{
    static const uint32_t schemes[] = {rfbVncAuth, rfbNoAuth, 0};

    SetClientAuthSchemes(client, schemes, -1);
    client->sock = STDIN_FILENO;
    client->listenSpecified = TRUE; /* the connection is there */
    client->appData.shareDesktop = TRUE;
    client->appData.encodingsString = "raw"; /* the least to read */
    client->GetPassword = give_password;
    client->MallocFrameBuffer = make_screen;
    copy_pixels = client->GotBitmap;
    client->GotBitmap = take_pixels;
    if (!rfbInitClient(client, NULL, NULL)) /* disposes of the client when it fails */
        return password_asked && !password[0] ? SCREENSHOT_NO_PASSWORD : SCREENSHOT_REFUSED;
    if (!set_encodings(client))
        return SCREENSHOT_LOST;
    while (missing)
        if (!HandleRFBServerMessage(client))
            return SCREENSHOT_LOST;
    return change ? wait_change(client) : write_png(client);
}

static void end_late(int signal)
{
    _exit(SCREENSHOT_LATE);
}

/*
 * Who started us ends us sooner or later, unless it was stopped (Ctrl-Z). A handler, since no signal's default action
 * ends process 1 of a namespace.
 */
static void limit_time(void)
{
    signal(SIGALRM, end_late);
    alarm(SCREENSHOT_SECONDS);
}

/* Who started us was gone before we asked Linux to be ended with it: nobody is there to read our words. */
static bool is_alone(void)
{
    struct pollfd words = { .fd = STDERR_FILENO };

    return poll(&words, 1, 0) > 0 && words.revents & POLLERR;
}

int main(int argc, char **argv)
{
    ssize_t len = read(SCREENSHOT_PASSWORD_FD, password, SCREENSHOT_PASSWORD_MAX);
    bool change = argc > 1 && !strcmp(argv[1], SCREENSHOT_CHANGE);
    rfbClient *client;

    if (!change)
        limit_time();
    signal(SIGPIPE, SIG_IGN); /* a server that hangs up: SCREENSHOT_LOST, or _REFUSED */
    /* For libvncclient's DES, which leaves this to us. */
    gcry_check_version(NULL);
    gcry_control(GCRYCTL_DISABLE_SECMEM, 0);
    gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
    if (len < 0 || confine(CONFINE_VIEWER) || is_alone())
        return SCREENSHOT_NOT_CONFINED;
    rfbClientLog = rfbClientErr = say_nothing;
    if (!speaks_as_qemu())
        return SCREENSHOT_LOST;
    client = rfbGetClient(8, 3, PIXEL);
    return client ? take_picture(client, change) : SCREENSHOT_LOST;
}
