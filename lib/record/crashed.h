/* SPDX-License-Identifier: BSD-2-Clause */
/* The recording of a process that died, kept when the next one takes its name. */
#ifndef RPMSG_CRASHED_H
#define RPMSG_CRASHED_H

/*
 * Moves the recording at path to path.crashed, whose writer must not live any more, if it died
 * without ending it and with messages in it. What has that name already is replaced if it is a
 * recording. 1, 0 if there is nothing to keep, or -errno. *note, to be freed, says what was done or
 * why not; NULL if there is nothing to say.
 */
int crashed_keep(const char *path, char **note);
/* Undoes crashed_keep(). */
void crashed_restore(const char *path);

#endif
