package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// writeFile replaces a file as a whole or not at all. It is for its owner alone.
func writeFile(file string, data []byte) error {
	return replaceFile(file, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// replaceFile is writeFile for what is written piece by piece.
func replaceFile(file string, write func(io.Writer) error) (err error) {
	temp, err := os.CreateTemp(filepath.Dir(file), ".campaign-*") // 0600
	if err != nil {
		return fmt.Errorf("%s was not written: %w", file, err)
	}
	defer os.Remove(temp.Name()) // there is none once it has its name
	if err = write(temp); err == nil {
		err = temp.Sync()
	}
	if err = errors.Join(err, temp.Close()); err == nil {
		err = os.Rename(temp.Name(), file)
	}
	if err != nil {
		return fmt.Errorf("%s was not written: %w", file, err)
	}
	return nil
}
