/*
 * In the Linux guest: prints a line for each report of a keyboard or pointer.
 *
 *   input-events SECONDS
 *   DEVICE: key CODE 0|1      DEVICE: abs X Y      DEVICE: rel X Y
 * CODE: linux/input-event-codes.h. The first line, when all devices are open, is "listening".
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <linux/input.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MAX_DEVICES 8

struct device {
    char name[64];
    int abs[2], rel[2];
    int moved_abs, moved_rel;
};

static void take(struct device *device, const struct input_event *event)
{
    switch (event->type) {
    case EV_KEY:
        if (event->value != 2) /* 2: a key that Linux itself repeats */
            printf("%s: key %d %d\n", device->name, event->code, event->value);
        break;
    case EV_ABS:
        if (event->code <= ABS_Y) {
            device->abs[event->code] = event->value;
            device->moved_abs = 1;
        }
        break;
    case EV_REL:
        if (event->code <= REL_Y) {
            device->rel[event->code] += event->value;
            device->moved_rel = 1;
        }
        break;
    case EV_SYN:
        if (device->moved_abs)
            printf("%s: abs %d %d\n", device->name, device->abs[0], device->abs[1]);
        if (device->moved_rel)
            printf("%s: rel %d %d\n", device->name, device->rel[0], device->rel[1]);
        device->rel[0] = device->rel[1] = device->moved_abs = device->moved_rel = 0;
        break;
    }
}

int main(int argc, char **argv)
{
    struct device devices[MAX_DEVICES] = { 0 };
    struct pollfd fds[MAX_DEVICES];
    struct input_event event;
    int count = 0;

    if (argc != 2)
        return 100;
    alarm(atoi(argv[1]));
    for (int i = 0; i < 16 && count < MAX_DEVICES; i++) {
        char path[32];

        snprintf(path, sizeof(path), "/dev/input/event%d", i);
        fds[count] = (struct pollfd){ .fd = open(path, O_RDONLY), .events = POLLIN };
        if (fds[count].fd < 0)
            continue;
        ioctl(fds[count].fd, EVIOCGNAME(sizeof(devices[0].name) - 1), devices[count].name);
        count++;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    puts("listening");
    while (poll(fds, count, -1) > 0)
        for (int i = 0; i < count; i++)
            if (fds[i].revents && read(fds[i].fd, &event, sizeof(event)) == sizeof(event))
                take(&devices[i], &event);
    return 1;
}
