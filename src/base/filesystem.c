/* filesystem.c - see filesystem.h; numbers from linux/magic.h and from stat.c of GNU coreutils */
#include "base/filesystem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "base/file.h"
#include "base/text.h"

enum { MOUNTINFO_MAX_BYTES = 16 << 20 };

static const uint32_t fuse = 0x65735546;

static const struct {
    uint32_t type;
    const char *name;
} network_types[] = {
    {0x00006969, "NFS"},
    {0x0BD00BD0, "Lustre"},
    {0x19830326, "BeeGFS"},
    {0x47504653, "GPFS"},
    {0x0000517B, "SMB"},
    {0xFE534D42, "SMB"},
    {0xFF534D42, "CIFS"},
    {0x65735546, "FUSE"},
    {0x5346414F, "AFS"},
    {0x6B414653, "AFS"},
    {0x00C36400, "Ceph"},
    {0x01021997, "9p"},
    {0x73757245, "Coda"},
    {0x0000564C, "NCP"},
    {0x7461636F, "OCFS2"},
    {0x01161970, "GFS2"},
    {0x20030528, "OrangeFS"},
    {0xAAD7AAEA, "PanFS"},
    {0xBEEFDEAD, "StorNext"},
    {0x013111A8, "IBRIX"},
    {0x61636673, "ACFS"},
    {0xBACBACBC, "VMware HGFS"},
    {0x786F4256, "VirtualBox folder"},
    {0x7C7C6673, "Parallels folder"},
};

const char *ec_filesystem_network_type(uint32_t type) {
    for (size_t i = 0; i < sizeof network_types / sizeof *network_types; i++)
        if (network_types[i].type == type) return network_types[i].name;
    return NULL;
}

/* 36 35 0:42 / /home/me rw,noatime shared:1 - fuse.sshfs me@there: rw */
bool ec_filesystem_mount_type(char name[EC_FILESYSTEM_NAME_SIZE], const char *mountinfo,
                              unsigned major, unsigned minor) {
    for (const char *line = mountinfo; line != NULL && *line != '\0';) {
        const char *end = strchr(line, '\n');
        const char *type = strstr(line, " - ");
        unsigned line_major, line_minor;
        if (type != NULL && (end == NULL || type < end) &&
            sscanf(line, "%*u %*u %u:%u", &line_major, &line_minor) == 2 && line_major == major &&
            line_minor == minor && sscanf(type, " - %63s", name) == 1)
            return true;
        line = end != NULL ? end + 1 : NULL;
    }
    return false;
}

static void name_fuse(char name[EC_FILESYSTEM_NAME_SIZE], const char *path) {
    struct stat info;
    ec_text mounts;
    if (stat(path, &info) != 0 ||
        ec_file_read(&mounts, "/proc/self/mountinfo", MOUNTINFO_MAX_BYTES, NULL) != EC_OK)
        return;
    ec_filesystem_mount_type(name, mounts.data, major(info.st_dev), minor(info.st_dev));
    ec_text_release(&mounts);
}

bool ec_filesystem_is_network(char name[EC_FILESYSTEM_NAME_SIZE], const char *path) {
    struct statfs info;
    if (statfs(path, &info) != 0) return false;
    const char *type = ec_filesystem_network_type((uint32_t)info.f_type);
    if (type == NULL) return false;
    snprintf(name, EC_FILESYSTEM_NAME_SIZE, "%s", type);
    if ((uint32_t)info.f_type == fuse) name_fuse(name, path);
    return strcmp(name, "fuseblk") != 0;
}
