"""What is said in the story, so that the browser and the SDK live the same one."""

TOLD = (
    "I attended the CMA talk yesterday at noon. Multi-agent orchestration, outcomes and memory are"
    " launching, and dreaming is launching to research preview. My notes are at"
    " https://example.com/notes/cma."
)
LINK = "https://example.com/notes/cma"
ASKED = "What was announced at the CMA talk, and where are my notes?"
INSTRUCTIONS = "Track sessions attended, links and follow-ups"
MORE = (
    "The CMA talk moved from 12:00 to 14:30. The opening keynote was given by Dana Reyes on agent"
    " memory.",
    "Dana Reyes gave the opening keynote about agent memory.",
    "The keynote that opened the day was Dana Reyes talking about agent memory. Follow up with Priya"
    " about the pilot by Friday.",
)
