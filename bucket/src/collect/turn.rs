//! The right to collect garbage in a bucket, which one has at a time, and what it says to all others.

use super::{CollectError, PER_BEAT, Pages, all};
use crate::bucket::{Bucket, Fault};
use crate::tries::Undone;
use garbage::{ABANDONED_AFTER, MAX_STATE, Needed, State, told};
use names::Digest;
use objects::{Error, collection};
use platform::random;
use s3::Condition;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

/// How often it says that it goes on.
const BEAT: Duration = Duration::from_secs(60);

/// How long what it said last can be relied upon, by those who remove things. What they sign then is good for 15 minutes, by a clock
/// that may not be the bucket's, and has to be refused when others take the collection for killed.
const RELIED_ON: Duration = ABANDONED_AFTER.checked_div(8).expect("8 is not 0");

/// What someone says that he needs has at most so many bytes: a manifest of 4 MiB may name that much twice.
const MAX_SAID: usize = 16 << 20;

/// A moment. A machine that was suspended has a clock of its own that stood still.
#[derive(Clone, Copy)]
struct Moment(Instant, SystemTime);

impl Moment {
    fn now() -> Moment {
        Moment(Instant::now(), SystemTime::now())
    }

    fn age(self) -> Duration {
        self.0.elapsed().max(self.1.elapsed().unwrap_or_default())
    }
}

/// The right to collect garbage, or only to look for it.
pub struct Turn<'a> {
    bucket: &'static Bucket,
    stop: &'a AtomicBool,
    /// None where nothing is written.
    said: Option<Said>,
}

/// What was said.
struct Said {
    state: State,
    etag: String,
    /// Before it was said.
    at: Moment,
}

impl<'a> Turn<'a> {
    /// Only looks.
    pub fn watching(bucket: &'static Bucket, stop: &'a AtomicBool) -> Turn<'a> {
        Turn { bucket, stop, said: None }
    }

    /// Takes the right, if nobody has it. From here on whoever stores something says what it needs.
    pub async fn begin(bucket: &'static Bucket, stop: &'a AtomicBool) -> Result<Turn<'a>, CollectError> {
        let condition = match collection::state(bucket).await? {
            None => Condition::Absent,
            Some((state, found)) => {
                let heard = found.age.unwrap_or_default();
                if state.is_under_way && !State::is_abandoned(heard) {
                    return Err(CollectError::Busy(heard));
                }
                Condition::Is(found.etag)
            }
        };
        let state = State {
            run: format!("{:016x}{:016x}", random(), random()),
            is_under_way: true,
            ..State::default()
        };
        let at = Moment::now();
        let etag = match write(bucket, &state, &condition).await? {
            Some(etag) => etag,
            None => return Err(CollectError::Busy(Duration::ZERO)),
        };
        let turn = Turn { bucket, stop, said: Some(Said { state, etag, at }) };
        turn.clear_away(|run, ours| run != ours).await?;
        Ok(turn)
    }

    /// Says that nothing is removed any more.
    pub async fn end(mut self) -> Result<(), CollectError> {
        let Some(said) = &mut self.said else { return Ok(()) };
        said.state = State { is_under_way: false, condemned: [].into(), ..std::mem::take(&mut said.state) };
        self.say().await?;
        self.clear_away(|run, ours| run == ours).await
    }

    /// Removes what others have said to collections that are over.
    async fn clear_away(&self, is_over: impl Fn(&str, &str) -> bool) -> Result<(), CollectError> {
        let Some(said) = &self.said else { return Ok(()) };
        let mut pages = Pages::new(self.bucket, layout::SAID);
        while let Some(page) = pages.next().await? {
            let old = page.into_iter().filter(|found| {
                found.name.split_once('/').is_some_and(|(run, _)| is_over(run, &said.state.run))
            });
            let removed = old.map(|found| async move {
                self.bucket.delete(&layout::in_directory(layout::SAID, &found.name)).await
            });
            all(removed).await.into_iter().collect::<Result<(), Error>>()?;
        }
        Ok(())
    }

    /// Says it anew.
    async fn say(&mut self) -> Result<(), CollectError> {
        let Some(said) = &mut self.said else { return Ok(()) };
        // Others may have taken it for killed, and not said what they need.
        if said.at.age() > ABANDONED_AFTER / 2 {
            return Err(CollectError::Late);
        }
        let at = Moment::now();
        said.state.turn += 1;
        match write(self.bucket, &said.state, &Condition::Is(said.etag.clone())).await? {
            Some(etag) => (said.etag, said.at) = (etag, at),
            None => return Err(CollectError::Late),
        }
        Ok(())
    }

    /// Says that it goes on, where that is due.
    pub async fn beat(&mut self) -> Result<(), CollectError> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(CollectError::Stopped);
        }
        match &self.said {
            Some(said) if said.at.age() > BEAT => self.say().await,
            _ => Ok(()),
        }
    }

    /// Says what will be removed, and returns what others have said that they need since they were heard last. What they say
    /// from here on they say after they have found that it is being removed, and wait.
    pub async fn condemn(&mut self, condemned: BTreeSet<Digest>) -> Result<Vec<Needed>, CollectError> {
        self.beat().await?;
        let Some(said) = &mut self.said else { return Ok(Vec::new()) };
        said.state.condemned = condemned;
        self.say().await?;
        self.hear().await
    }

    async fn hear(&mut self) -> Result<Vec<Needed>, CollectError> {
        let Some(said) = &self.said else { return Ok(Vec::new()) };
        let (directory, bucket) = (layout::said(&said.state.run), self.bucket);
        let (mut heard, mut pages) = (Vec::new(), Pages::new(bucket, &directory));
        while let Some(page) = pages.next().await? {
            for some in page.chunks(PER_BEAT) {
                let read = some.iter().map(|found| {
                    let key = layout::in_directory(&directory, &found.name);
                    async move {
                        let text = bucket.read_small(&key, MAX_SAID).await?;
                        // It was heard.
                        bucket.delete(&key).await?;
                        Ok::<_, Error>(text)
                    }
                });
                for text in all(read).await {
                    let text = text?.map(|text| text.bytes).unwrap_or_default();
                    heard.extend(told(&String::from_utf8_lossy(&text)));
                }
                self.beat().await?;
            }
        }
        Ok(heard)
    }

    /// Says that nothing is being removed for the moment.
    pub async fn pardon(&mut self) -> Result<(), CollectError> {
        match &mut self.said {
            Some(said) if !said.state.condemned.is_empty() => said.state.condemned.clear(),
            _ => return Ok(()),
        }
        self.say().await
    }

    /// Removes objects, of which others know that they go.
    pub async fn remove(&mut self, keys: Vec<String>) -> Result<(), CollectError> {
        for some in keys.chunks(PER_BEAT) {
            self.remove_some(some).await?;
            // Whoever is to stop ends what others wait for.
            if self.said.as_ref().is_some_and(|said| said.at.age() > BEAT) {
                self.say().await?;
            }
        }
        Ok(())
    }

    async fn remove_some(&self, keys: &[String]) -> Result<(), CollectError> {
        let Some(said) = &self.said else { return Ok(()) };
        let removed = keys.iter().map(|key| async move {
            let may = || said.at.age() < RELIED_ON;
            match self.bucket.ask_surely(&self.bucket.settings.service.delete(key), may).await {
                Ok(()) | Err(Undone::Fault(Fault::Absent)) => Ok(()),
                Err(Undone::Fault(fault)) => Err(fault.unexpected("delete", key).into()),
                Err(Undone::Unknown(fault)) => Err(CollectError::Unanswered(fault.unexpected("delete", key))),
                Err(Undone::Late) => Err(CollectError::Late),
            }
        });
        let mut done = Ok(());
        for removed in all(removed).await {
            match (&done, &removed) {
                // It says most of what was not answered.
                (Ok(()), Err(_)) | (_, Err(CollectError::Unanswered(_))) => done = removed,
                _ => {}
            }
        }
        done
    }
}

/// Writes what is said; `None` where someone else has said something.
async fn write(
    bucket: &Bucket,
    state: &State,
    condition: &Condition,
) -> Result<Option<String>, CollectError> {
    let (key, text) = (collection::state_key(), state.encode());
    match bucket.write(&key, text.as_bytes(), condition, None).await {
        Ok(etag) => Ok(Some(etag)),
        // It was us, perhaps, and the answer was lost.
        Err(Fault::Changed | Fault::Absent) => {
            let now = bucket.read_small(&key, MAX_STATE as usize).await?;
            Ok(now.filter(|now| now.bytes == text.as_bytes()).map(|now| now.etag))
        }
        Err(fault) => Err(fault.unexpected("write", &key).into()),
    }
}
