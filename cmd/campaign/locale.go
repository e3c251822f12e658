//go:build !windows

package main

// systemLocale is the language of the system where the environment says nothing.
func systemLocale() string { return "" }
