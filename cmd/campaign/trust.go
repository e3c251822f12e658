package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"

	"campaign/internal/campaign"
	"campaign/internal/targets"
)

// trusted is the record of the accounts that a person on this machine has looked
// at: where their requests go and where their secrets come from (design:
// delivery, rule 13). It lies in the user's configuration folder, never in a
// project, so that no merge request can bring its own.
type trusted map[string]string // project/profile/account, project//webhook → fingerprint

func trustFile() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("where this user records what is trusted is not known (%w): set HOME", err)
	}
	return filepath.Join(dir, "campaign", "trust.json"), nil
}

func readTrust() (trusted, error) {
	file, err := trustFile()
	if err != nil {
		return trusted{}, nil // nothing is trusted: runs to loopback need no trust
	}
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return trusted{}, nil
	}
	if err != nil {
		return nil, err
	}
	t := trusted{}
	if err := json.Unmarshal(data, &t); err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w; delete it and trust the accounts again", file, err)
	}
	return t, nil
}

// write replaces the record as a whole, or leaves it as it was.
func (t trusted) write() error {
	file, err := trustFile()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	data, err := json.MarshalIndent(t, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(file, append(data, '\n'))
}

// state says whether what has this fingerprint now was looked at.
func (t trusted) state(key, print string) string {
	switch t[key] {
	case print:
		return "yes"
	case "":
		return "no"
	}
	return "no: it has changed since"
}

func trustKey(project, profile, account string) string {
	return project + "/" + profile + "/" + account
}

// fingerprint covers what a person must have seen: hosts, proxy and the sources
// of secrets.
func fingerprint(declared campaign.Account, account targets.Account) (string, error) {
	data, err := json.Marshal(struct {
		BaseURL, Proxy, CAFile string
		Credentials            map[string]campaign.Credential
		Headers                map[string]campaign.Credential
	}{account.BaseURL().String(), declared.Proxy, declared.CAFile, account.Credentials(), declared.Headers})
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}

// onLoopback reports whether an account reaches this machine only: its host is
// localhost or a loopback address, and no proxy stands between.
func onLoopback(declared campaign.Account, account targets.Account) bool {
	if declared.Proxy != "" {
		return false
	}
	for _, c := range account.Credentials() {
		if c.OAuth2 != nil && !loopbackURL(c.OAuth2.TokenURL) {
			return false
		}
	}
	return loopbackHost(account.BaseURL())
}

func loopbackURL(raw string) bool {
	u, err := url.Parse(raw)
	return err == nil && loopbackHost(u)
}

func loopbackHost(u *url.URL) bool {
	host := u.Hostname()
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
