package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// accountName is the system user that the server runs as when this command is
// run by root, as whom Elasticsearch refuses to run.
const accountName = "terraform-provider-apm"

// An account is the identity that the server runs under; nil means our own.
type account struct {
	uid, gid int
}

// serverAccount returns the unprivileged system user, which it makes when it
// is absent, or nil when this command is unprivileged itself.
func serverAccount() (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	found, err := user.Lookup(accountName)
	if _, unknown := errors.AsType[user.UnknownUserError](err); unknown {
		useradd, lookErr := exec.LookPath("useradd")
		if lookErr != nil {
			return nil, &missingError{"useradd is needed to make an unprivileged user, since Elasticsearch does not run as root: install it, or run this as another user"}
		}
		output, addErr := exec.Command(useradd, "--system", "--user-group", "--no-create-home", "--shell", "/bin/false", accountName).CombinedOutput()
		if addErr != nil {
			return nil, fmt.Errorf("making the user %s: %w: %s", accountName, addErr, output)
		}
		found, err = user.Lookup(accountName)
	}
	if err != nil {
		return nil, err
	}
	uid, uidErr := strconv.Atoi(found.Uid)
	gid, gidErr := strconv.Atoi(found.Gid)
	return &account{uid: uid, gid: gid}, errors.Join(uidErr, gidErr)
}

// attributes start a process in a group of its own, so that all of it can be
// ended, and under the account.
func (a *account) attributes() *syscall.SysProcAttr {
	attributes := &syscall.SysProcAttr{Setpgid: true}
	if a != nil {
		attributes.Credential = &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
	}
	return attributes
}

// own gives the directory and all in it to the account.
func (a *account) own(directory string) error {
	if a == nil {
		return nil
	}
	return filepath.WalkDir(directory, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, a.uid, a.gid)
	})
}
