import { describe, expect, test } from "vitest";
import { compileTemplate } from "../../src/cli/template/run-template.ts";
import { isBuildError } from "../../src/core/errors.ts";

const DATA = {
  Name: "hello",
  Count: 3,
  Empty: [],
  List: ["a", "b"],
  Map: { z: 1, a: "x" },
  Nested: { Deep: { Value: true } },
  Nothing: null,
};

describe("a template prints what Go's would", () => {
  test.each([
    { template: "plain", expected: "plain" },
    { template: "{{.Name}}-{{ .Count }}", expected: "hello-3" },
    { template: "{{.List}} {{.Map}} {{.Nested.Deep.Value}}", expected: "[a b] map[a:x z:1] true" },
    { template: "{{.Nothing}} {{.Map.missing}}", expected: "<nil> <no value>" },
    { template: "a {{- .Name -}} b", expected: "ahellob" },
    { template: "{{/* a comment */}}x", expected: "x" },
    { template: "{{json .}}", expected: JSON.stringify(DATA) },
    { template: '{{if .Empty}}yes{{else if eq .Name "hello"}}second{{else}}no{{end}}', expected: "second" },
    { template: "{{if and .Name (not .Empty)}}both{{end}}", expected: "both" },
    { template: "{{range .List}}<{{.}}>{{end}}{{range .Empty}}x{{else}}none{{end}}", expected: "<a><b>none" },
    { template: "{{range $i, $e := .List}}{{$i}}{{$e}}{{$.Name}} {{end}}", expected: "0ahello 1bhello " },
    { template: "{{range $k, $v := .Map}}{{$k}}={{$v}};{{end}}", expected: "a=x;z=1;" },
    { template: "{{with .Nested.Deep}}{{.Value}}{{end}}", expected: "true" },
    { template: "{{$x := .Name}}{{$x | upper | printf `%-7s|`}}", expected: "HELLO  |" },
    { template: '{{index .List 1}} {{index .Map "a"}} {{len .Map}}', expected: "b x 2" },
    { template: "{{(index .List 0) | len}} {{join .List `,`}} {{slice .Name 1 3}}", expected: "1 a,b el" },
    {
      template: '{{split "a:b" ":"}} {{truncate .Name 2}} {{pad .Name 1 2}}|',
      expected: "[a b] he  hello  |",
    },
    { template: "{{println .Name}}{{gt .Count 2}} {{lt .Count 2}}", expected: "hello\ntrue false" },
    { template: '{{"a\\tb"}}', expected: "a\tb" },
  ])("$template", ({ template, expected }) => {
    expect(compileTemplate(template)(DATA)).toBe(expected);
  });
});

describe("what is no template, or asks for what is not there, is wrong usage", () => {
  test.each([
    { template: "{{.Name" },
    { template: "{{.Nope}}" },
    { template: "{{nope .Name}}" },
    { template: "{{if .Name}}x" },
    { template: "{{end}}" },
    { template: "{{}}" },
    { template: "{{.Name | }}" },
    { template: "{{(.Name}}" },
    { template: "{{$nope}}" },
    { template: "{{index .List 5}}" },
    { template: "{{.Name .Count}}" },
  ])("$template", ({ template }) => {
    let caught: unknown;
    try {
      compileTemplate(template)(DATA);
    } catch (error) {
      caught = error;
    }
    expect(isBuildError(caught) ? caught.code : caught).toBe("cli/usage");
  });
});
