/*
 * stubdom-screenshot and who starts it (xl-stubdom): what they agree upon.
 *
 * Without an argument it makes a picture. It ends by itself after SCREENSHOT_SECONDS, and who started it does not wait
 * longer either. With SCREENSHOT_CHANGE it makes none, and ends when the screen shows something else than at first. How
 * long that may take is up to who started it: `compare` has a time for it, and while `compare` is stopped, both wait.
 *
 * Descriptors: 0, a connection to the guest's VNC port; 1, a file for the PNG; 2, a pipe, of which the first
 * line is shown when the exit status is none of these; 3, the reading end of a pipe with the password, or with
 * nothing.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SCREENSHOT_H
#define SCREENSHOT_H

#define SCREENSHOT_CHANGE "change"
#define SCREENSHOT_PASSWORD_FD 3
#define SCREENSHOT_PASSWORD_MAX 255
#ifndef SCREENSHOT_SECONDS
#define SCREENSHOT_SECONDS 30
#endif

/* Exit status */
enum screenshot_status {
    SCREENSHOT_TAKEN,        /* or the screen has changed */
    SCREENSHOT_NOT_CONFINED,
    SCREENSHOT_NO_PASSWORD,  /* one is asked for, and there is none */
    SCREENSHOT_REFUSED,      /* the password is wrong, or the server did not end the handshake */
    SCREENSHOT_LOST,         /* the connection ended, or what came is no RFB */
    SCREENSHOT_NOT_WRITTEN,  /* libpng could not write */
    SCREENSHOT_LATE,         /* no picture in time */
    SCREENSHOT_STATUSES
};

#endif
