//! What the lines of the ranks can do, as it may be typed for any command that makes ranks trade.

use clap::Args;

use super::{PerRank, Rate, Span, TRYING};

/// What the lines of the ranks can do.
#[derive(Clone, Debug, Default, Args)]
pub struct Lines {
    /// Bytes a second that a rank sends at most: 500K, or 2=1M,3=10M for ranks 2 and 3
    #[arg(long, help_heading = TRYING, value_name = "RATE")]
    #[arg(allow_negative_numbers = true, default_value_t, hide_default_value = true)]
    pub limit_up: PerRank<Rate>,
    /// Bytes a second that a rank receives at most
    #[arg(long, help_heading = TRYING, value_name = "RATE")]
    #[arg(allow_negative_numbers = true, default_value_t, hide_default_value = true)]
    pub limit_down: PerRank<Rate>,
    /// How much later messages to a rank arrive: 20ms, or 2=500us,3=1s for ranks 2 and 3
    #[arg(long, help_heading = TRYING, value_name = "TIME")]
    #[arg(allow_negative_numbers = true, default_value_t, hide_default_value = true)]
    pub latency: PerRank<Span>,
}

impl Lines {
    /// The highest rank that each option names.
    #[must_use]
    pub fn highest(&self) -> [(&'static str, Option<u32>); 3] {
        [
            ("--limit-up", self.limit_up.highest()),
            ("--limit-down", self.limit_down.highest()),
            ("--latency", self.latency.highest()),
        ]
    }
}
