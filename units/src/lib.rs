//! Switches, durations and sizes, as the configuration spells them: `yes`, `1m30s`, `64KiB`.
#![forbid(unsafe_code)]

use std::time::Duration;

/// A switch, as YAML 1.1 spells it, in which distribution's configuration is written. None where it is none.
pub fn switch(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "y" => Some(true),
        "false" | "no" | "off" | "n" => Some(false),
        _ => None,
    }
}

/// The units of a size. One without a unit is in bytes.
const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

/// A size in bytes: `65536`, `64KiB`, `1MiB`, `1GiB`. None where it is none, or more than 2^64.
pub fn size(text: &str) -> Option<u64> {
    let unit = UNITS.iter().find_map(|(name, unit)| Some((text.strip_suffix(name)?, *unit)));
    let (number, unit) = unit.unwrap_or((text, 1));
    if !number.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    number.parse::<u64>().ok()?.checked_mul(unit)
}

/// The shortest spelling of a size.
pub fn spell(size: u64) -> String {
    match UNITS.iter().find(|(_, unit)| size >= *unit && size.is_multiple_of(*unit)) {
        Some((name, unit)) => format!("{}{name}", size / unit),
        None => size.to_string(),
    }
}

/// A duration in Go's spelling: numbers, each with its unit, the whole less than 292 years. Zero needs no unit. Otherwise
/// what is wrong with it, and what to write.
pub fn duration(text: &str) -> Result<Duration, &'static str> {
    const WANTED: &str = "not a duration; write numbers with units h, m, s, ms, us or ns, as in 1m30s";
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    if text.is_empty() {
        return Err(WANTED);
    }
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return Err("not a duration without a unit; write 60s for sixty seconds");
    }
    let mut rest = text;
    let mut total: u128 = 0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or(WANTED)?;
        let (number, tail) = rest.split_at(end);
        let end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        let nanoseconds: u128 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return Err(WANTED),
        };
        total += scaled(number, nanoseconds).ok_or(WANTED)?;
        rest = tail;
        if total > i64::MAX as u128 {
            return Err("too long; a duration is less than 292 years");
        }
    }
    Ok(Duration::from_nanos(total as u64))
}

/// A number such as `1.5` or `.5`, times a unit, rounded down.
fn scaled(number: &str, unit: u128) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.len() + fraction.len() == 0 || whole.len() > 19 || fraction.contains('.') {
        return None;
    }
    let whole = if whole.is_empty() { 0 } else { whole.parse::<u128>().ok()? };
    // Past the fifteenth digit nothing reaches a nanosecond of an hour.
    let fraction = &fraction[..fraction.len().min(15)];
    let part = if fraction.is_empty() { 0 } else { fraction.parse::<u128>().ok()? };
    Some(whole * unit + part * unit / 10u128.pow(fraction.len() as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        for (text, expected) in [
            ("30s", Duration::from_secs(30)),
            ("1m30s", Duration::from_secs(90)),
            ("500ms", Duration::from_millis(500)),
            ("168h", Duration::from_secs(604_800)),
            ("1.5h", Duration::from_secs(5400)),
            (".5s", Duration::from_millis(500)),
            ("1.s", Duration::from_secs(1)),
            ("1h1m1s1ms1us1ns", Duration::from_nanos(3_661_001_001_001)),
            ("1µs", Duration::from_micros(1)),
            ("0", Duration::ZERO),
            ("0s", Duration::ZERO),
            ("1.00000000000000000000001s", Duration::from_secs(1)),
            ("2562047h", Duration::from_secs(2_562_047 * 3600)),
        ] {
            assert_eq!(duration(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in [
            "",
            "30",
            "30 s",
            "s",
            ".s",
            "1.2.3s",
            "-30s",
            "+30s",
            "30sec",
            "1d",
            "1m30",
            "2562048h",
            "1e3s",
            "99999999999999999999s",
            "9223372036854775807h9223372036854775807h",
            "é",
            "3é",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_are_bytes_or_have_a_binary_unit() {
        for (text, expected) in [
            ("5", 5),
            ("16777216", 16 << 20),
            ("32MiB", 32 << 20),
            ("20000KiB", 20000 << 10),
            ("1GiB", 1 << 30),
        ] {
            assert_eq!(size(text), Some(expected), "{text}");
        }
        for text in ["", "64MB", "64M", "64 MiB", "1.5GiB", "-1", "+1", "MiB", "0x40", "99999999999999GiB"] {
            assert_eq!(size(text), None, "{text}");
        }
        assert_eq!([5, 1024, 1536, 1 << 30].map(spell), ["5", "1KiB", "1536", "1GiB"]);
    }
}
