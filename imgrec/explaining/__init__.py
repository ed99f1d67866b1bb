"""Why a network answered so: heat maps, feature maps, and the lessons."""
