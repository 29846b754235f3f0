"""A small file of each language, with a hole, what fits into it and what does not."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Snippet:
    """`◆` marks the hole of `file`."""

    file: str
    stub: str
    right: str
    wrong: str
    wrong_line: int
    """1-based, in the file with `wrong` in its hole."""
    wrong_elsewhere: tuple[str, str]
    """What to replace by what, to have an error outside of the hole."""

    def filled(self, text: str) -> str:
        return self.file.replace("◆", text)

    def broken_elsewhere(self) -> "Snippet":
        old, new = self.wrong_elsewhere
        assert self.file.count(old) == 1
        return Snippet(
            self.file.replace(old, new), self.stub, self.right, self.wrong, self.wrong_line, (old, new)
        )


_SCRIPT = Snippet(
    file="const one = 1;\n\nfunction first(a) {\n  ◆\n}\n\nfunction second(b) {\n  return b;\n}\n",
    stub="return null;",
    right="const twice = a * 2;\n  if (twice > one) {\n    return [twice];\n  }\n  return `${twice}`;",
    wrong="const twice = a * 2;\n  if (twice > one {\n    return twice;\n  }",
    wrong_line=5,
    wrong_elsewhere=("const one = 1;", "const one = = 1;"),
)
_TYPED = Snippet(
    file="const one: number = 1;\n\nfunction first(a: number): string {\n  ◆\n}\n\nexport class Second {}\n",
    stub="return '';",
    right="const all: Map<string, number[]> = new Map();\n  return String(all.get('a') ?? a);",
    wrong="const all: Map<string, = new Map();\n  return '';",
    wrong_line=4,
    wrong_elsewhere=("export class Second {}", "export class 2nd {}"),
)
_C = Snippet(
    file="#include <stdio.h>\n\nint first(int a) {\n  ◆\n}\n\nint second(void) {\n  return 2;\n}\n",
    stub="return 0;",
    right='for (int i = 0; i < a; i++) {\n    printf("%d", i);\n  }\n  return a;',
    wrong='for (int i = 0; i < a; i++) {\n    printf("%d", );\n  }\n  return a;',
    wrong_line=5,
    wrong_elsewhere=("int second(void)", "int second(void))"),
)

SNIPPETS: dict[str, Snippet] = {
    "c": _C,
    "cpp": Snippet(
        file="#include <vector>\n\nint first(std::vector<int> a) {\n  ◆\n}\n\nclass Second {};\n",
        stub="return 0;",
        right="auto add = [&](int b) { return b + 1; };\n  for (auto& each : a) {\n    each = add(each);\n  }\n  return a[0];",
        wrong="auto add = [&](int b) { return b + 1; };\n  for (auto& each : a {\n    each = 1;\n  }\n  return 1;",
        wrong_line=5,
        wrong_elsewhere=("class Second {};", "class Second {;"),
    ),
    "csharp": Snippet(
        file="using System;\n\nclass First {\n  int Twice(int a) {\n    ◆\n  }\n\n  int Other() { return 2; }\n}\n",
        stub="throw new NotImplementedException();",
        right='var text = $"{a}";\n    return a switch { 1 => 2, _ => a * 2 };',
        wrong="var text = 1;\n    return a * * 2;",
        wrong_line=6,
        wrong_elsewhere=("int Other() { return 2; }", "int Other() { return 2 2; }"),
    ),
    "css": Snippet(
        file="a {\n  color: red;\n}\n\n.first {\n  ◆\n}\n\n.second {\n  margin: 0;\n}\n",
        stub="color: blue;",
        right="color: rgb(1, 2, 3);\n  padding: 1px 2px;",
        wrong="color: blue;\n  padding: rgb(1, 2;",
        wrong_line=7,
        wrong_elsewhere=("color: red;", "color: : red;"),
    ),
    "go": Snippet(
        file="package main\n\nfunc first(a int) int {\n\t◆\n}\n\nfunc second() int {\n\treturn 2\n}\n",
        stub="return 0",
        right="for i := range 3 {\n\t\ta += i\n\t}\n\treturn a",
        wrong="for i := range 3 {\n\t\ta += := i\n\t}\n\treturn a",
        wrong_line=5,
        wrong_elsewhere=("func second() int {", "func second() int int {"),
    ),
    "html": Snippet(
        file='<!doctype html>\n<html>\n<body>\n  <p class="one">One</p>\n  ◆\n</body>\n</html>\n',
        stub="<p></p>",
        right="<ul>\n    <li>One &amp; two</li>\n  </ul>",
        wrong="<ul>\n    <li class=>One</li>\n  </ul>",
        wrong_line=6,
        wrong_elsewhere=('<p class="one">', '<p class="one" =>'),
    ),
    "java": Snippet(
        file="class First {\n  int twice(int a) {\n    ◆\n  }\n\n  int other() { return 2; }\n}\n",
        stub="return 0;",
        right="for (int i = 0; i < 3; i++) {\n      a += i;\n    }\n    return a;",
        wrong="int b = 1;\n    return a + ;",
        wrong_line=4,
        wrong_elsewhere=("int other() { return 2; }", "int other() { return 2 2; }"),
    ),
    "javascript": _SCRIPT,
    "javascriptreact": Snippet(
        file="const one = 1;\n\nfunction First(a) {\n  ◆\n}\n\nfunction second(b) {\n  return b;\n}\n",
        stub="return null;",
        right="return (\n    <ul>\n      {a.map((each) => <li key={each}>{each}</li>)}\n    </ul>\n  );",
        wrong="return (\n    <ul>\n      {a.map((each) => <li key=>{each}</li>)}\n    </ul>\n  );",
        wrong_line=6,
        wrong_elsewhere=("const one = 1;", "const one = = 1;"),
    ),
    "json": Snippet(
        file='{\n  "one": [1, 2],\n  "first": ◆,\n  "second": {"a": null}\n}\n',
        stub="null",
        right='{\n    "b": [true, "c"]\n  }',
        wrong='{\n    "b": [true "c"]\n  }',
        wrong_line=4,
        wrong_elsewhere=("[1, 2]", "[1 2]"),
    ),
    "lua": Snippet(
        file="local one = 1\n\nfunction first(a)\n  ◆\nend\n\nfunction second(b)\n  return b\nend\n",
        stub="return nil",
        right="for i = 1, 3 do\n    a = a + i\n  end\n  return { a, one = one }",
        wrong="for i = 1, 3 do\n    a = a + + i\n  end\n  return a",
        wrong_line=5,
        wrong_elsewhere=("local one = 1", "local one = = 1"),
    ),
    "php": Snippet(
        file="<?php\n\nfunction first(int $a): int {\n  ◆\n}\n\nfunction second() {\n  return 2;\n}\n",
        stub="return 0;",
        right="foreach ([1, 2] as $key => $value) {\n    $a += $value;\n  }\n  return $a;",
        wrong="foreach ([1, 2] as $key => $value) {\n    $a += ;\n  }\n  return $a;",
        wrong_line=5,
        wrong_elsewhere=("function second() {", "function second()) {"),
    ),
    "python": Snippet(
        file="one = 1\n\n\ndef first(a):\n    ◆\n\n\ndef second(b):\n    return b\n",
        stub="raise NotImplementedError",
        right='twice = [each * 2 for each in a]\n    return f"{twice!r}"',
        wrong="twice = [each * 2 for each in a\n    return twice",
        wrong_line=5,
        wrong_elsewhere=("one = 1", "one = = 1"),
    ),
    "ruby": Snippet(
        file="one = 1\n\ndef first(a)\n  ◆\nend\n\ndef second(b)\n  b\nend\n",
        stub="nil",
        right='a.map do |each|\n    "#{each}"\n  end',
        wrong="a.map do |each|\n    each + * ]\n  end",
        wrong_line=5,
        wrong_elsewhere=("one = 1", "one = ] 1"),
    ),
    "rust": Snippet(
        file="struct One;\n\nfn first(a: i32) -> i32 {\n    ◆\n}\n\nfn second() -> i32 {\n    2\n}\n",
        stub="todo!()",
        right="let b = match a {\n        1 => 2,\n        _ => a,\n    };\n    b * 2",
        wrong="let b = match a {\n        1 = > 2,\n        _ => a,\n    };\n    b * 2",
        wrong_line=5,
        wrong_elsewhere=("struct One;", "struct One One;"),
    ),
    "shellscript": Snippet(
        file='#!/bin/bash\none=1\n\nfirst() {\n  ◆\n}\n\nsecond() {\n  echo "$one"\n}\n',
        stub="return 1",
        right='for each in "$@"; do\n    echo "${each%.*}"\n  done',
        wrong='for each in "$@"; do\n    echo )\n  done',
        wrong_line=6,
        wrong_elsewhere=("one=1", "one=1 )"),
    ),
    "typescript": _TYPED,
    "typescriptreact": Snippet(
        file="const one: number = 1;\n\nfunction First(a: string[]) {\n  ◆\n}\n\nexport class Second {}\n",
        stub="return null;",
        right="return (\n    <ul>\n      {a.map((each: string) => <li key={each}>{each}</li>)}\n    </ul>\n  );",
        wrong="return (\n    <ul>\n      {a.map((each: string) => <li key=>{each}</li>)}\n    </ul>\n  );",
        wrong_line=6,
        wrong_elsewhere=("export class Second {}", "export class 2nd {}"),
    ),
}
