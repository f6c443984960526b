/* lock.h - one at a time, across processes
 *
 * flock(2) on a file beside what is guarded: the lock ends with its holder, however that ends. On
 * one machine; over NFS as far as the server does.
 */
#ifndef EC_BASE_LOCK_H
#define EC_BASE_LOCK_H

#include "eyechart/status.h"

/* Takes the lock `path`, which is made, without waiting: *lock is for ec_lock_release(), -1 on
 * failure. Errors: EC_ERR_EXISTS (somebody has it; the message is the caller's to write),
 * EC_ERR_IO. */
ec_status ec_lock_take(int *lock, const char *path, ec_error *err);
/* Removes the file and lets go; lock -1 does nothing. */
void ec_lock_release(int lock, const char *path);

#endif
