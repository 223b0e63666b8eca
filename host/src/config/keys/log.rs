//! Settings about the log. `loglevel` stands before `log.level`, so that the newer name wins.

use super::key::{Key, ignored, key};
use super::put;
use crate::config::value::Kind;
use crate::config::{Formatter, Level};

const LEVEL: Kind =
    Kind::Word { put: |c, text| put(&mut c.log.level, Level::parse(text)), words: Level::WORDS };

pub(super) const KEYS: &[Key] = &[
    key("loglevel", LEVEL, "", "the old name of `log.level`; where both are given, `log.level` counts"),
    key("log.level", LEVEL, "info", "the least severe level that is logged"),
    key(
        "log.formatter",
        Kind::Word {
            put: |c, text| put(&mut c.log.formatter, Formatter::parse(text)),
            words: Formatter::WORDS,
        },
        "",
        "what the log is written as; where it is not given, for people on a terminal and as json elsewhere",
    ),
    key(
        "log.fields.*",
        Kind::Field(|c| &mut c.log),
        "",
        "what every line of the log has besides, each under its name, in lower case",
    ),
    key(
        "log.reportcaller",
        Kind::Switch(|c| &mut c.log.reportcaller),
        "false",
        "whether a line of the log tells where in the source it comes from",
    ),
    key(
        "log.accesslog.disabled",
        Kind::Switch(|c| &mut c.log.accesslog_disabled),
        "false",
        "whether requests leave no line on standard output, in Apache's combined format; those in the log follow `log.level`",
    ),
    ignored("log.hooks", &[], "e-mail from the log: none is sent"),
];
