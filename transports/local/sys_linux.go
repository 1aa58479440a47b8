package local

import "golang.org/x/sys/unix"

func renameNoReplace(fromDir int, from string, toDir int, to string) error {
	return unix.Renameat2(fromDir, from, toDir, to, unix.RENAME_NOREPLACE)
}

// tryLease takes a read lease and gives it back. EAGAIN: somebody has the file open for writing.
func tryLease(fd int) error {
	var st unix.Statfs_t
	if err := again(func() error { return unix.Fstatfs(fd, &st) }); err != nil {
		return err
	}
	// NFS and SMB answer EAGAIN whenever the server granted no delegation or oplock, others know only this machine's writers.
	if shareOf(uint32(st.Type)) != "" {
		return unix.EINVAL
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_RDLCK); err != nil {
		return err
	}
	_, err := unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_UNLCK)
	return err
}

// shared tells the kind of network share that a folder stands on, "" for a disk of this machine.
func shared(dir string) (string, error) {
	var st unix.Statfs_t
	if err := again(func() error { return unix.Statfs(dir, &st) }); err != nil {
		return "", err
	}
	return shareOf(uint32(st.Type)), nil
}

// shareOf names the file systems that other machines write to, by the numbers that statfs gives (linux/magic.h).
func shareOf(magic uint32) string {
	switch magic {
	case unix.NFS_SUPER_MAGIC:
		return "nfs"
	case unix.CIFS_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC, unix.SMB_SUPER_MAGIC:
		return "smb"
	case unix.FUSE_SUPER_MAGIC:
		return "fuse"
	case unix.V9FS_MAGIC, unix.AFS_SUPER_MAGIC, unix.AFS_FS_MAGIC, unix.CEPH_SUPER_MAGIC, unix.CODA_SUPER_MAGIC, unix.OCFS2_SUPER_MAGIC:
		return "other"
	}
	return ""
}
