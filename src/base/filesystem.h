/* filesystem.h - whether a folder is on a disk of this machine alone, or of others too */
#ifndef EC_BASE_FILESYSTEM_H
#define EC_BASE_FILESYSTEM_H

#include <stdbool.h>
#include <stdint.h>

#define EC_FILESYSTEM_NAME_SIZE 64

/* The name of a file system that machines share ("NFS", "Lustre"), by f_type of statfs(2); NULL: it
 * is one of this machine, or not known. FUSE, whose number says nothing about what is behind it, is
 * "FUSE". */
const char *ec_filesystem_network_type(uint32_t type);

/* The same of the folder or file `path`; `name` receives which. Of FUSE the name is what the mount
 * says ("fuse.sshfs"), and one on a disk of this machine ("fuseblk", NTFS for example) is none.
 * False where nothing can be found out. */
bool ec_filesystem_is_network(char name[EC_FILESYSTEM_NAME_SIZE], const char *path);

/* The type of the file system that is mounted for device `major:minor`, from the text of
 * /proc/self/mountinfo. False: no such line. */
bool ec_filesystem_mount_type(char name[EC_FILESYSTEM_NAME_SIZE], const char *mountinfo,
                              unsigned major, unsigned minor);
#endif
