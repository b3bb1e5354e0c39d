//! A file without `-f`, as people who know `kubectl apply` write it.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Arg, Command, Error};

use crate::commands::printable::printable;

/// Takes no value: each gets a hint.
#[derive(Clone, Debug)]
pub(super) struct StrayParser;

impl TypedValueParser for StrayParser {
    type Value = String;

    fn parse_ref(&self, command: &Command, _: Option<&Arg>, value: &OsStr) -> Result<String, Error> {
        let value = value.to_string_lossy();
        let value = printable(&value);
        let sentence = format!("unexpected argument '{value}'; did you mean -f {value}?\n");
        Err(Error::raw(ErrorKind::UnknownArgument, sentence).with_cmd(command))
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(std::iter::empty()))
    }
}
