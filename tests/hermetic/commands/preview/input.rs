//! The input of `boundtoken preview`: arguments, variables, files, pipes and directories.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use std::{fs, thread};

use super::directories::{directory, run_in};
use crate::commands::command_line::{output, run, run_with};

const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a}]}\n";

#[test]
fn commas_separate_files_as_with_kubectl() {
    let expected = run("preview -f shop.yaml -f list.yaml", "");
    assert_eq!(run("preview -f shop.yaml,list.yaml", "").out, expected.out);
    assert_eq!(run_with(&[("BOUNDTOKEN_FILENAME", "shop.yaml,list.yaml")], "preview", "").out, expected.out);
}

#[test]
fn a_file_without_its_flag_gets_a_hint() {
    for words in ["preview shop.yaml", "preview -f list.yaml shop.yaml"] {
        let printed = run(words, "");
        let sentence = "error: unexpected argument 'shop.yaml'; did you mean -f shop.yaml?\n";
        assert!(printed.err.starts_with(sentence) && printed.code == 2, "{}", printed.err);
    }
    assert!(!run("preview --help", "").out.contains("STRAY"));
}

#[test]
fn the_variable_of_annotate_holds_one_per_line() {
    let lines = "boundtoken.dev/mode=add\nboundtoken.dev/tokens=- path: /a/b=c\n  audience: vault\n- path: /a/d\n\
                 boundtoken.dev/ttl=2h\n";
    let printed = run_with(&[("BOUNDTOKEN_ANNOTATE", lines)], "preview -f - --explain", POD);
    for row in ["boundtoken.dev/mode      add ", "boundtoken.dev/ttl       2h ", "/a/b=c, /a/d "] {
        assert!(printed.err.contains(row), "{}", printed.err);
    }
    let wrong = "boundtoken.dev/mode=add\nboundtoken.dev/tl=2h";
    let printed = run_with(&[("BOUNDTOKEN_ANNOTATE", wrong)], "preview -f -", POD);
    assert!(printed.err.contains("did you mean boundtoken.dev/ttl?") && printed.code == 2, "{}", printed.err);
    assert!(run("preview --help", "").out.contains("BOUNDTOKEN_ANNOTATE"));
}

#[test]
fn boolean_variables_accept_common_spellings() {
    let plain = run("preview -f shop.yaml", "").err;
    let explained = run("preview -f shop.yaml --explain", "").err;
    for (value, expected) in [("1", &explained), ("true", &explained), ("0", &plain), ("false", &plain)] {
        assert_eq!(&run_with(&[("BOUNDTOKEN_EXPLAIN", value)], "preview -f shop.yaml", "").err, expected);
    }
    let printed = run_with(&[("BOUNDTOKEN_RECURSIVE", "1")], "preview -f directory -n shop", "");
    assert_eq!(printed.out, run("preview -R -f directory -n shop", "").out);
}

#[test]
fn only_regular_files_of_a_directory_are_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    fs::write(path.join("real"), POD).unwrap();
    std::os::unix::fs::symlink("real", path.join("link.yaml")).unwrap();
    let linked = run(&format!("preview -f {}", path.display()), "");
    assert_eq!(linked.code, 1, "{}", linked.err);
    mkfifo(&path.join("pipe.yaml"));
    let start = Instant::now();
    let printed = output(
        Command::new("timeout").args(["20", env!("CARGO_BIN_EXE_boundtoken"), "preview", "-f"]).arg(path),
        "",
    );
    let sentence = "pipe.yaml:1: error: not a regular file; in a directory only those are read (BT080)";
    assert!(printed.err.contains(sentence) && printed.code == 2, "{}", printed.err);
    assert_eq!(printed.out, linked.out);
    assert!(start.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_pipe_on_the_command_line_is_read() {
    let expected = run("preview -f -", POD).out;
    assert_eq!(run("preview -f /dev/stdin", POD).out.replace("/dev/stdin", "stdin"), expected);
    let script = format!("{} preview -f <(cat)", env!("CARGO_BIN_EXE_boundtoken"));
    let printed = output(Command::new("bash").args(["-c", &script]), POD);
    assert!(printed.out.contains("with boundtoken") && printed.code == 1, "{}", printed.err);
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("pipe");
    mkfifo(&pipe);
    let writer = thread::spawn({
        let pipe = pipe.clone();
        move || fs::write(pipe, POD).unwrap()
    });
    let printed = run(&format!("preview -f {}", pipe.display()), "");
    assert_eq!(printed.code, 1, "{}", printed.err);
    writer.join().unwrap();
}

fn mkfifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn standard_input_can_be_the_first_of_several() {
    let expected = run("preview -f - -f list.yaml", POD);
    for words in ["-f -,list.yaml", "--filename -,list.yaml", "--filename=-,list.yaml"] {
        let printed = run(&format!("preview {words}"), POD);
        assert_eq!((printed.out, printed.err), (expected.out.clone(), expected.err.clone()), "{words}");
    }
    let printed = run("preview -f -R directory", "");
    let sentence = "error: invalid value '-R' for '--filename <FILE|DIR|->': a flag, not a file; a file of this name \
                    is ./-R\n";
    assert!(printed.err.starts_with(sentence) && printed.code == 2, "{}", printed.err);
}

#[test]
fn an_input_is_required() {
    let printed = run("preview", "");
    let sentence = "error: the following required arguments were not provided:\n  \
                    <--filename <FILE|DIR|->|--kustomize <DIR>>\n";
    assert!(printed.err.starts_with(sentence) && printed.code == 2, "{}", printed.err);
}

#[test]
fn a_file_that_is_given_twice_counts_once() {
    for words in ["-f shop.yaml -f shop.yaml -f ./shop.yaml", "-f shop.yaml,shop.yaml"] {
        let printed = run(&format!("preview {words} -o name"), "");
        let once = run("preview -f shop.yaml -o name", "");
        assert_eq!((printed.out, printed.err), (once.out, once.err), "{words}");
    }
    let printed = run("preview -f directory -f directory/a.yaml -o name", "");
    let expected = run("preview -f directory -o name", "");
    assert_eq!((printed.out, printed.err), (expected.out, expected.err));
}

#[test]
fn a_file_that_is_named_is_checked_whatever_else_has_it() {
    let directory = directory(&[
        ("d/pod.yaml", POD),
        ("d/values.yaml", "replicas: 2\n"),
        ("d/broken.yaml", &[POD, "---\nkind: Pod\n"].concat()),
        ("d/chart/Chart.yaml", "apiVersion: v2\nname: chart\n"),
        ("d/chart/templates/pod.yaml", &POD.replace("{name: a}\n", "{name: b}\n")),
    ]);
    let preview = |files: &str| run_in(directory.path(), &format!("-R -o name -f {files}"));
    for (file, reason) in [("d/values.yaml", "it has no kind"), ("d/broken.yaml", "it has no apiVersion")] {
        let alone = preview(file);
        assert!(alone.err.contains(reason) && alone.code == 2 && alone.out.is_empty(), "{}", alone.err);
        for files in [format!("d,{file}"), format!("{file},d"), format!("d,./d/../{file}")] {
            let printed = preview(&files);
            let error = printed.err.lines().find(|line| line.starts_with("error: ")).unwrap_or_default();
            assert!(error.contains(reason), "{files}: {}", printed.err);
            assert_eq!((printed.out.as_str(), printed.code), ("", 2), "{files}");
        }
    }
    fs::remove_file(directory.path().join("d/broken.yaml")).unwrap();
    for (files, pods) in [
        ("d", "pod/a\n"),
        ("d,d/pod.yaml,d", "pod/a\n"),
        ("d,d/chart/templates/pod.yaml", "pod/a\npod/b\n"),
        ("d/chart/templates/pod.yaml,d", "pod/b\npod/a\n"),
    ] {
        assert_eq!(preview(files).out, pods, "{files}");
    }
}

#[test]
fn an_invalid_name_of_a_namespace_is_an_error() {
    for command in ["preview -f shop.yaml", "audit --from missing.json"] {
        for name in ["A", "a_b", "-", "a.b", "shop/web"] {
            let printed = run(&format!("{command} -n={name}"), "");
            let sentence = format!(
                "error: invalid value '{name}' for '--namespace <NAME>': not a valid name of a Namespace: must be up to \
                 63 lower case letters, digits and \"-\"\n"
            );
            assert!(printed.err.starts_with(&sentence) && printed.code == 2, "{}", printed.err);
        }
    }
    assert!(run("preview -f shop.yaml -n a,b", "").err.starts_with("error: invalid value 'a,b'"));
}

/// kubectl reads both; PowerShell writes the first one.
#[test]
fn utf_16_with_a_byte_order_mark_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("pod.yaml");
    let words = format!("preview -f {}", file.display());
    let manifest = POD.replace("{name: a}\n", "{name: a, annotations: {note: größe 🦀}}\n");
    fs::write(&file, &manifest).unwrap();
    let expected = run(&words, "");
    assert_eq!(expected.code, 1, "{}", expected.err);
    for bytes in [u16::to_le_bytes, u16::to_be_bytes] {
        let text = format!("\u{feff}{manifest}");
        let mut encoded: Vec<u8> = text.encode_utf16().flat_map(bytes).collect();
        fs::write(&file, &encoded).unwrap();
        let printed = run(&words, "");
        assert_eq!((printed.out, printed.err), (expected.out.clone(), expected.err.clone()));
        encoded.push(0);
        fs::write(&file, &encoded).unwrap();
        assert!(run(&words, "").err.ends_with("not UTF-8 text; expected a manifest in YAML or JSON\n"));
    }
}
