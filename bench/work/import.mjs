// Loads the one package for applications, and nothing else.
import "buildkit-node";
