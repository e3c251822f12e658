package main

import "os"

func keepAsking() (stop func()) { return func() {} }

// statusAsked tells when a person asks how it goes; Windows has no signal for it.
func statusAsked() (asked <-chan os.Signal, deaf func()) { return nil, func() {} }
