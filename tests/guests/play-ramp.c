/*
 * In the Linux guest: unmutes all of a sound card's mixer, then plays a saw-tooth that can be recognised sample by
 * sample (tests/lab/vnc-sound): the left channel counts from -10000 to 9999 and begins again, and the right channel is
 * its negative. 44100 frames a second, 16 bits.
 *
 *   play-ramp SECONDS
 * Exit status 0 when all was played; the card's name on standard output.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include <sound/asound.h>
#include <linux/soundcard.h>

#define RATE 44100
#define PERIOD 20000
#define MAX_CONTROLS 256
#define MAX_CHANNELS 8

static int die(const char *what)
{
    perror(what);
    return 1;
}

/* Turns a switch on, or a volume up. A control that cannot be written is left alone. */
static void open_control(int fd, struct snd_ctl_elem_id id)
{
    struct snd_ctl_elem_info info = { .id = id };
    struct snd_ctl_elem_value value = { .id = id };

    if (ioctl(fd, SNDRV_CTL_IOCTL_ELEM_INFO, &info) < 0 || info.count > MAX_CHANNELS)
        return;
    for (unsigned int i = 0; i < info.count; i++)
        if (info.type == SNDRV_CTL_ELEM_TYPE_BOOLEAN)
            value.value.integer.value[i] = 1;
        else if (info.type == SNDRV_CTL_ELEM_TYPE_INTEGER)
            value.value.integer.value[i] = info.value.integer.max;
        else
            return;
    ioctl(fd, SNDRV_CTL_IOCTL_ELEM_WRITE, &value);
}

static int open_mixer(void)
{
    static struct snd_ctl_elem_id ids[MAX_CONTROLS];
    struct snd_ctl_elem_list list = { .space = MAX_CONTROLS, .pids = ids };
    struct snd_ctl_card_info card;
    int fd = open("/dev/snd/controlC0", O_RDWR);

    if (fd < 0 || ioctl(fd, SNDRV_CTL_IOCTL_CARD_INFO, &card) < 0 ||
        ioctl(fd, SNDRV_CTL_IOCTL_ELEM_LIST, &list) < 0)
        return die("/dev/snd/controlC0");
    printf("sound card: %s\n", card.longname);
    for (unsigned int i = 0; i < list.used; i++)
        open_control(fd, ids[i]);
    close(fd);
    return 0;
}

static int set(int fd, unsigned long request, int wanted)
{
    int got = wanted;

    return ioctl(fd, request, &got) < 0 || got != wanted ? -1 : 0;
}

int main(int argc, char **argv)
{
    int left = atoi(argc == 2 ? argv[1] : "0") * RATE, n = 0;
    int16_t frames[1024][2];
    int fd;

    if (left <= 0) {
        fprintf(stderr, "usage: play-ramp SECONDS\n");
        return 100;
    }
    if (open_mixer())
        return 1;
    fd = open("/dev/dsp", O_WRONLY);
    if (fd < 0 || set(fd, SNDCTL_DSP_SETFMT, AFMT_S16_LE) || set(fd, SNDCTL_DSP_CHANNELS, 2) ||
        set(fd, SNDCTL_DSP_SPEED, RATE))
        return die("/dev/dsp");
    for (; left > 0; left -= 1024) {
        for (int i = 0; i < 1024; i++, n = (n + 1) % PERIOD) {
            frames[i][0] = n - PERIOD / 2;
            frames[i][1] = PERIOD / 2 - n;
        }
        if (write(fd, frames, sizeof(frames)) != sizeof(frames))
            return die("write");
    }
    return close(fd) < 0 ? die("close") : 0;
}
