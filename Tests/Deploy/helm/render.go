// Renders a chart as `helm template` does, with the same template language and functions, from Debian's packages:
//
//	GO111MODULE=off GOPATH=/usr/share/gocode go run render.go CHART RELEASE [KEY.KEY=YAML...]
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig"
	"gopkg.in/yaml.v3"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func read(path string) map[string]interface{} {
	bytes, err := os.ReadFile(path)
	must(err)
	values := map[string]interface{}{}
	must(yaml.Unmarshal(bytes, &values))
	return values
}

func main() {
	chart, release := os.Args[1], os.Args[2]
	values := read(filepath.Join(chart, "values.yaml"))
	for _, setting := range os.Args[3:] {
		parts := strings.SplitN(setting, "=", 2)
		keys := strings.Split(parts[0], ".")
		at := values
		for _, key := range keys[:len(keys)-1] {
			at = at[key].(map[string]interface{})
		}
		last := keys[len(keys)-1]
		if _, known := at[last]; !known {
			must(fmt.Errorf("values.yaml has no %s", parts[0]))
		}
		var value interface{}
		must(yaml.Unmarshal([]byte(parts[1]), &value))
		at[last] = value
	}
	about := read(filepath.Join(chart, "Chart.yaml"))
	functions := sprig.TxtFuncMap()
	functions["toYaml"] = func(value interface{}) (string, error) {
		bytes, err := yaml.Marshal(value)
		return strings.TrimSuffix(string(bytes), "\n"), err
	}
	data := map[string]interface{}{
		"Values":  values,
		"Release": map[string]interface{}{"Name": release},
		"Chart":   map[string]interface{}{"Name": about["name"], "AppVersion": about["appVersion"]},
	}
	files, err := filepath.Glob(filepath.Join(chart, "templates", "*.yaml"))
	must(err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		must(err)
		page, err := template.New(file).Option("missingkey=error").Funcs(functions).Parse(string(text))
		must(err)
		must(page.Execute(os.Stdout, data))
		fmt.Println("---")
	}
}
