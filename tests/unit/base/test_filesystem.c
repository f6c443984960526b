/* test_filesystem.c - which file systems machines share; the numbers are those of statfs(2), from
 * linux/magic.h where it has them */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>

#include "base/filesystem.h"
#include "folder.h"

static void what_machines_share_is_known_by_its_number(void **state) {
    (void)state;
    static const struct {
        uint32_t type;
        const char *name;
    } cases[] = {{NFS_SUPER_MAGIC, "NFS"},   {0x0BD00BD0, "Lustre"},      {0x19830326, "BeeGFS"},
                 {0x47504653, "GPFS"},       {SMB_SUPER_MAGIC, "SMB"},    {0xFE534D42, "SMB"},
                 {0xFF534D42, "CIFS"},       {0x65735546, "FUSE"},        {AFS_SUPER_MAGIC, "AFS"},
                 {AFS_FS_MAGIC, "AFS"},      {0x00C36400, "Ceph"},        {V9FS_MAGIC, "9p"},
                 {CODA_SUPER_MAGIC, "Coda"}, {OCFS2_SUPER_MAGIC, "OCFS2"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *name = ec_filesystem_network_type(cases[i].type);
        assert_non_null(name);
        assert_string_equal(name, cases[i].name);
    }
}

static void what_one_machine_has_is_none_of_them(void **state) {
    (void)state;
    static const uint32_t types[] = {EXT4_SUPER_MAGIC,
                                     XFS_SUPER_MAGIC,
                                     BTRFS_SUPER_MAGIC,
                                     TMPFS_MAGIC,
                                     0x2FC12FC1, /* ZFS */
                                     OVERLAYFS_SUPER_MAGIC,
                                     F2FS_SUPER_MAGIC,
                                     ECRYPTFS_SUPER_MAGIC,
                                     MSDOS_SUPER_MAGIC,
                                     0};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        assert_null(ec_filesystem_network_type(types[i]));
}

static void the_mount_of_a_device_says_what_is_behind_fuse(void **state) {
    (void)state;
    static const char mounts[] =
        "22 28 0:20 / /proc rw,nosuid - proc proc rw\n"
        "36 28 0:42 / /home/a\\040-\\040b rw,noatime shared:1 - fuse.sshfs me@there: rw,user_id=0\n"
        "37 28 8:1 / /mnt/usb rw shared:2 master:1 - fuseblk /dev/sdb1 rw\n"
        "38 28 0:43 / /last rw - virtiofs share rw";
    char name[EC_FILESYSTEM_NAME_SIZE];
    assert_true(ec_filesystem_mount_type(name, mounts, 0, 42));
    assert_string_equal(name, "fuse.sshfs");
    assert_true(ec_filesystem_mount_type(name, mounts, 8, 1));
    assert_string_equal(name, "fuseblk");
    assert_true(ec_filesystem_mount_type(name, mounts, 0, 43));
    assert_string_equal(name, "virtiofs");
    assert_false(ec_filesystem_mount_type(name, mounts, 0, 4));
    assert_false(ec_filesystem_mount_type(name, "", 0, 42));
    assert_false(
        ec_filesystem_mount_type(name, "1 2 0:42 / / rw\n3 4 0:9 / /x rw - nfs x rw\n", 0, 42));
}

static void the_question_agrees_with_statfs(void **state) {
    (void)state;
    char name[EC_FILESYSTEM_NAME_SIZE], folder[FOLDER_SIZE];
    folder_make(folder);
    struct statfs info;
    assert_int_equal(statfs(folder, &info), 0);
    assert_int_equal(ec_filesystem_is_network(name, folder),
                     ec_filesystem_network_type((uint32_t)info.f_type) != NULL);
    folder_remove(folder);
    assert_false(ec_filesystem_is_network(name, "/nowhere/at/all"));
    assert_false(ec_filesystem_is_network(name, "/proc"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_machines_share_is_known_by_its_number),
        cmocka_unit_test(what_one_machine_has_is_none_of_them),
        cmocka_unit_test(the_mount_of_a_device_says_what_is_behind_fuse),
        cmocka_unit_test(the_question_agrees_with_statfs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
