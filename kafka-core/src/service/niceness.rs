//! Which threads have the processor before which.

/// Lets others have the processor before this thread. On Linux that is of the thread, and of the processes that it starts;
/// elsewhere it would be of the whole process, and is left alone.
pub(super) fn stand_back(niceness: i32) {
    if cfg!(target_os = "linux") {
        // Where the system refuses it, the thread is as any other.
        let _ = rustix::process::setpriority_process(None, niceness);
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::{sync::mpsc, time::Duration};

    use crate::service::upkeep::Upkeep;

    #[test]
    fn others_have_the_processor_before_work_that_is_done_behind() {
        let niceness_of = |is_behind: bool| {
            let (say, hear) = mpsc::channel();
            let look = move |_| say.send(rustix::process::getpriority_process(None).unwrap()).is_ok();
            let upkeep = Upkeep::default();
            match is_behind {
                true => upkeep.start_behind("behind", 15, Duration::ZERO, look).unwrap(),
                false => upkeep.start("front", Duration::ZERO, look).unwrap(),
            }
            hear.recv().unwrap()
        };
        let usual = niceness_of(false);
        assert!(usual < 15, "{usual}");
        assert_eq!(niceness_of(true), 15);
        assert_eq!(niceness_of(false), usual);
    }
}
