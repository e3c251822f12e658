package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"campaign/schema"
)

func newSchema(a *app) *cobra.Command {
	return &cobra.Command{
		Use:       "schema [" + strings.Join(schema.Names(), "|") + "]",
		Short:     "Print the JSON Schema of a file",
		Long:      "schema prints the JSON Schema of a file that users write or that runs leave. Without a name it lists them.",
		Example:   "  campaign schema campaign > schema/campaign.schema.json",
		Args:      cobra.MaximumNArgs(1),
		ValidArgs: schema.Names(),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				for _, name := range schema.Names() {
					fmt.Fprintln(a.stdout, name)
				}
				return nil
			}
			data, err := schema.Bytes(args[0])
			if err != nil {
				return fail(exitUsage, "there is no schema %q: the schemas are %s", args[0], strings.Join(schema.Names(), ", "))
			}
			_, err = a.stdout.Write(data)
			return err
		},
	}
}

func newVersion(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the program's version",
		Example: "  campaign version",
		Args:    cobra.NoArgs,
		Run: func(*cobra.Command, []string) {
			fmt.Fprintf(a.stdout, "campaign %s %s/%s %s\n", version(), runtime.GOOS, runtime.GOARCH, runtime.Version())
		},
	}
}

// version is the module's version, or the commit that the binary was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := strings.Trim(info.Main.Version, "()") // (devel): built in the tree
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision" && (v == "" || v == "devel"):
			v = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true" && !strings.HasSuffix(v, "+dirty"):
			v += "+dirty"
		}
	}
	return firstOf(v, "devel")
}
