"""What authors run on a task before a learner sees it."""
