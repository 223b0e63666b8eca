//! Durations in Go's spelling, as they stand in the configuration: `168h`, `1h30m`; only zero needs no unit.

/// How many seconds that is, rounded down; none where it is no duration.
pub fn seconds(text: &str) -> Option<u64> {
    if text == "0" {
        return Some(0);
    }
    let (mut rest, mut total) = (text, 0.0);
    while !rest.is_empty() {
        let (number, tail) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit() && c != '.')?);
        let end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        total += number.parse::<f64>().ok()? * of(unit)?;
        rest = tail;
    }
    (!text.is_empty()).then_some(total as u64)
}

fn of(unit: &str) -> Option<f64> {
    Some(match unit {
        "h" => 3600.0,
        "m" => 60.0,
        "s" => 1.0,
        "ms" => 1e-3,
        "us" | "µs" | "μs" => 1e-6,
        "ns" => 1e-9,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        for (text, wanted) in [
            ("168h", Some(604_800)),
            ("1h30m", Some(5400)),
            ("1.5h", Some(5400)),
            ("1500ms", Some(1)),
            ("0", Some(0)),
            ("60", None),
            ("", None),
            ("h", None),
            ("7d", None),
            ("-1h", None),
        ] {
            assert_eq!(seconds(text), wanted, "{text}");
        }
    }
}
