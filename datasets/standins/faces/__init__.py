"""Stand-in faces: people drawn as cartoons and photographed as portraits."""
