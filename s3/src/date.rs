use std::time::{Duration, SystemTime};

/// How long before an answer was given something was written that it tells of: by the same clock, where the answer says when it
/// was given, or else by `now`. `date` and `modified` are as HTTP spells them, or as lists do; `None` where it is not told when.
pub fn age(date: Option<&str>, modified: Option<&str>, now: SystemTime) -> Option<Duration> {
    let given = date.and_then(time).unwrap_or(now);
    Some(given.duration_since(time(modified?)?).unwrap_or_default())
}

fn time(text: &str) -> Option<SystemTime> {
    humantime::parse_rfc3339_weak(text).or_else(|_| httpdate::parse_http_date(text)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    #[test]
    fn an_age_is_told_by_the_clock_of_who_answers() {
        let date = Some("Mon, 23 Nov 2026 16:00:10 GMT");
        let seconds = |age: u64| Some(Duration::from_secs(age));
        assert_eq!(age(date, Some("Mon, 23 Nov 2026 16:00:00 GMT"), UNIX_EPOCH), seconds(10));
        assert_eq!(age(date, Some("2026-11-23T15:59:10.000Z"), UNIX_EPOCH), seconds(60));
        // Of two machines, perhaps.
        assert_eq!(age(date, Some("2026-11-23T16:00:11Z"), UNIX_EPOCH), seconds(0));
        let now = httpdate::parse_http_date("Mon, 23 Nov 2026 16:00:20 GMT").expect("a date");
        assert_eq!(age(None, Some("2026-11-23T16:00:00.5Z"), now), Some(Duration::from_millis(19_500)));
        assert_eq!(age(date, None, now), None);
        assert_eq!(age(date, Some("yesterday"), now), None);
    }
}
