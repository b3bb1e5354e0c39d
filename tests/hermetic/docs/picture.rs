//! The picture of the README is what the program prints; `make docs` draws it.

use std::fmt::Write as _;
use std::process::Command;

use anstyle::{AnsiColor, RgbColor};
use anstyle_svg::{Term, VGA};

use super::reference::compare;

/// What is typed, in the directory `examples`.
const COMMANDS: [&str; 2] = [
    "boundtoken preview -f namespace.yaml -f deployment.yaml",
    "boundtoken preview -f namespace.yaml -f deployment.yaml --annotate boundtoken.dev/ttl=5m",
];

/// The width of the terminal.
const COLUMNS: usize = 90;

#[test]
fn picture_of_the_readme_is_what_preview_prints() {
    let mut session = String::new();
    for command in COMMANDS {
        writeln!(session, "\x1b[1m$ {command}\x1b[0m\n{}", printed(command)).unwrap();
    }
    compare("preview.svg", &terminal().render_svg(&wrapped(session.trim_end())));
}

/// A dark terminal, with colours that are readable on it.
fn terminal() -> Term {
    let mut palette = VGA;
    for (color, red, green, blue) in [
        (AnsiColor::Red, 0xff, 0x7b, 0x72),
        (AnsiColor::Green, 0x7e, 0xe7, 0x87),
        (AnsiColor::Yellow, 0xf2, 0xcc, 0x60),
        (AnsiColor::Cyan, 0x79, 0xc0, 0xff),
    ] {
        palette.0[color as usize] = RgbColor(red, green, blue);
    }
    let [foreground, background] = [RgbColor(0xe6, 0xed, 0xf3), RgbColor(0x0d, 0x11, 0x17)];
    Term::new().palette(palette).fg_color(foreground.into()).bg_color(background.into())
}

/// The output on a terminal, in colour.
fn printed(command: &str) -> String {
    let arguments = command.split(' ').skip(1);
    let mut program = Command::new(env!("CARGO_BIN_EXE_boundtoken"));
    program.args(["--color", "always"]).args(arguments);
    let output = program.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/examples")).output().unwrap();
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

/// The text with lines broken at the width of the terminal. Escape sequences have no width.
fn wrapped(text: &str) -> String {
    let (mut wrapped, mut column, mut escaped) = (String::new(), 0, false);
    for letter in text.chars() {
        escaped |= letter == '\x1b';
        if letter == '\n' {
            column = 0;
        } else if !escaped {
            if column == COLUMNS {
                wrapped.push('\n');
                column = 0;
            }
            column += 1;
        }
        escaped &= letter != 'm';
        wrapped.push(letter);
    }
    wrapped
}
